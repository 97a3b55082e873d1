"""What the parent opens for a worker, and that nothing of it stays open when it cannot. Needs root."""

import os
from pathlib import Path

import pytest

from containerd_py.errors import ContainerdError, Unavailable
from containerd_py.runtime.linux.fd import Fd
from containerd_py.runtime.linux.mounts import Propagation
from containerd_py.runtime.plan.plan import IdRange, Plan, Source, UserMapping
from containerd_py.runtime.sources import open_sources

MAPPING = UserMapping((IdRange(0, 1, 1),), (IdRange(0, 1, 1),))


def plan(*sources: Source) -> Plan:
    return Plan((), (), sources=sources)


def none(_mapping: UserMapping) -> Fd:
    raise Unavailable("cannot make one")


def test_nothing_is_asked_for() -> None:
    assert open_sources(plan(), user_namespace=none) == {}


def test_trees_by_their_names(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    (tmp_path / "link").symlink_to("file")
    found = open_sources(
        plan(
            Source("rootfs", str(tmp_path), recursive=True, propagation=int(Propagation.SLAVE)),
            Source("tree0", str(tmp_path / "link"), recursive=False),
            Source("tree1", str(tmp_path / "link"), recursive=False, follow=False),
        ),
        user_namespace=none,
    )
    with found["rootfs"] as root, found["tree0"] as followed, found["tree1"] as link:
        assert os.stat("file", dir_fd=root.fileno()).st_size == 1
        assert os.fstat(followed.fileno()).st_ino == (tmp_path / "file").stat().st_ino
        assert os.fstat(link.fileno()).st_ino == (tmp_path / "link").lstat().st_ino


@pytest.mark.parametrize(
    ("source", "kind", "number", "told"),
    [
        (
            Source("tree0", "/absent", recursive=False),
            "invalid_argument",
            "ENOENT",
            "cannot clone bind source '/absent'",
        ),
        (
            Source("rootfs", "/absent", recursive=True),
            "invalid_argument",
            "ENOENT",
            "cannot clone root file system '/absent'",
        ),
        (Source("rootfs", "/etc/passwd", recursive=True), "invalid_argument", "ENOTDIR", "cannot clone root file system"),
        (
            Source("tree0", "/etc", recursive=False, user_path="/absent"),
            "invalid_argument",
            "ENOENT",
            "cannot map the ids of bind source '/etc'",
        ),
        (
            Source("tree0", "/etc", recursive=False, user_path="/etc/passwd"),
            "not_supported",
            "EINVAL",
            "cannot map the ids of bind source '/etc': Invalid argument",
        ),
        (Source("tree0", "/etc", recursive=False, mapping=MAPPING), "unavailable", None, "cannot make one"),
    ],
)
def test_what_cannot_be_opened(source: Source, kind: str, number: str | None, told: str) -> None:
    with pytest.raises(ContainerdError) as caught:
        open_sources(plan(Source("tree9", "/etc", recursive=False), source), user_namespace=none)
    assert (caught.value.kind, caught.value.errno) == (kind, number)
    assert caught.value.message.startswith(told)


def test_a_root_behind_a_symlink(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path)
    with pytest.raises(ContainerdError) as caught:
        open_sources(plan(Source("rootfs", str(tmp_path / "link"), recursive=True)), user_namespace=none)
    assert (caught.value.step, caught.value.errno) == ("rootfs", "ELOOP")


def test_one_namespace_for_each_mapping(tmp_path: Path) -> None:
    made: list[UserMapping] = []

    def make(mapping: UserMapping) -> Fd:
        made.append(mapping)
        return Fd(os.open("/proc/self/ns/user", os.O_RDONLY | os.O_CLOEXEC))

    sources = [Source(f"tree{n}", str(tmp_path), recursive=False, mapping=MAPPING) for n in range(2)]
    with pytest.raises(ContainerdError, match="cannot map the ids of"):  # the initial namespace maps nothing
        open_sources(plan(*sources), user_namespace=make)
    assert made == [MAPPING]
