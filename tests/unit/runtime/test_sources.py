"""What the parent opens for a worker, and that nothing of it stays open when it cannot. Needs root."""

import os
from pathlib import Path

import pytest

from containerd_py.errors import ContainerdError, Unavailable
from containerd_py.runtime.linux.fd import Fd
from containerd_py.runtime.plan.plan import IdRange, Plan, Source, UserMapping
from containerd_py.runtime.sources import open_places, open_sources

MAPPING = UserMapping((IdRange(0, 1, 1),), (IdRange(0, 1, 1),))


def plan(*sources: Source) -> Plan:
    return Plan((), (), sources=sources)


def none(_mapping: UserMapping) -> Fd:
    raise Unavailable("cannot make one")


def test_nothing_is_asked_for() -> None:
    assert open_sources(plan(), user_namespace=none) == {}


def test_places_by_their_names(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    (tmp_path / "link").symlink_to(tmp_path / "file")
    with Fd(os.pidfd_open(os.getpid())) as own:
        found = open_places(
            plan(
                Source("rootfs", str(tmp_path), recursive=True),
                Source("source0", str(tmp_path / "link"), recursive=False),
                Source("source1", str(tmp_path / "link"), recursive=False, follow=False),
                Source("tree0", "/absent", recursive=False, mapping=MAPPING),
            ),
            os.getpid(),
            own.fileno(),
        )
    with found["rootfs"] as root, found["source0"] as followed, found["source1"] as link:
        assert sorted(found) == ["rootfs", "source0", "source1"]
        assert os.stat("file", dir_fd=root.fileno()).st_size == 1
        assert os.fstat(followed.fileno()).st_ino == (tmp_path / "file").stat().st_ino
        assert os.fstat(link.fileno()).st_ino == (tmp_path / "link").lstat().st_ino


def test_no_places_are_asked_for() -> None:
    assert open_places(plan(Source("tree0", "/", recursive=False, mapping=MAPPING)), -1, -1) == {}


@pytest.mark.parametrize(
    ("source", "number", "told"),
    [
        (Source("source0", "/absent", recursive=False), "ENOENT", "cannot open bind source '/absent'"),
        (Source("rootfs", "/absent", recursive=True), "ENOENT", "cannot open root file system '/absent'"),
        (Source("rootfs", "/etc/passwd", recursive=True), "ENOTDIR", "cannot open root file system '/etc/passwd'"),
        (Source("rootfs", "/proc/self/root", recursive=True), "ELOOP", "cannot open root file system '/proc/self/root'"),
    ],
)
def test_a_place_that_cannot_be_opened(source: Source, number: str, told: str) -> None:
    with Fd(os.pidfd_open(os.getpid())) as own, pytest.raises(ContainerdError) as caught:
        open_places(plan(Source("source9", "/etc", recursive=False), source), os.getpid(), own.fileno())
    assert (caught.value.kind, caught.value.errno) == ("invalid_argument", number)
    assert caught.value.message.startswith(told)


def test_a_root_behind_a_symlink(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path)
    wanted = plan(Source("rootfs", str(tmp_path / "link"), recursive=True))
    with Fd(os.pidfd_open(os.getpid())) as own, pytest.raises(ContainerdError) as caught:
        open_places(wanted, os.getpid(), own.fileno())
    assert (caught.value.step, caught.value.errno) == ("rootfs", "ELOOP")


def test_a_worker_that_has_ended() -> None:
    pid = os.posix_spawn("/bin/true", ["true"], {})
    with Fd(os.pidfd_open(pid)) as pidfd:
        os.waitpid(pid, 0)
        with pytest.raises(Unavailable, match="cannot open sources: the worker has ended"):
            open_places(plan(Source("source0", "/etc", recursive=False)), pid, pidfd.fileno())


@pytest.mark.parametrize(
    ("source", "kind", "number", "told"),
    [
        (
            Source("tree0", "/absent", recursive=False, user_path="/proc/self/ns/user"),
            "invalid_argument",
            "ENOENT",
            "cannot clone bind source '/absent'",
        ),
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
def test_a_tree_that_cannot_be_mapped(source: Source, kind: str, number: str | None, told: str) -> None:
    with pytest.raises(ContainerdError) as caught:
        open_sources(plan(Source("source9", "/etc", recursive=False), source), user_namespace=none)
    assert (caught.value.kind, caught.value.errno) == (kind, number)
    assert caught.value.message.startswith(told)


def test_one_namespace_for_each_mapping(tmp_path: Path) -> None:
    made: list[UserMapping] = []

    def make(mapping: UserMapping) -> Fd:
        made.append(mapping)
        return Fd(os.open("/proc/self/ns/user", os.O_RDONLY | os.O_CLOEXEC))

    sources = [Source(f"tree{n}", str(tmp_path), recursive=False, mapping=MAPPING) for n in range(2)]
    with pytest.raises(ContainerdError, match="cannot map the ids of"):  # the initial namespace maps nothing
        open_sources(plan(*sources), user_namespace=make)
    assert made == [MAPPING]
