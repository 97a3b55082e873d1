"""Nothing leads out of a root."""

import errno
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from containerd_py.runtime.linux.fd import Fd
from containerd_py.runtime.linux.paths import Resolve, make_directories_in_root, open_in_root


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    (tmp_path / "secret").write_text("host")
    root = tmp_path / "root"
    (root / "etc").mkdir(parents=True)
    (root / "etc/name").write_text("inside")
    (root / "secret").write_text("root's own")
    (root / "absolute").symlink_to("/etc/name")
    (root / "relative").symlink_to("../../../secret")
    (root / "outside").symlink_to(tmp_path)
    (root / "magic").symlink_to("/proc/self/root")
    (root / "dangling").symlink_to("nowhere")
    (root / "loop").symlink_to("loop")
    return root


@pytest.fixture
def root(tree: Path) -> Iterator[int]:
    with Fd(os.open(tree, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)) as fd:
        yield fd.fileno()


def read(root: int, path: str) -> bytes:
    with open_in_root(root, path, os.O_RDONLY) as fd:
        return os.read(fd.fileno(), 100)


@pytest.mark.parametrize("path", ["relative", "secret", "/secret", "../../secret", "/etc/../../secret"])
def test_the_root_is_the_top(root: int, path: str) -> None:
    assert read(root, path) == b"root's own"


def test_absolute_symlinks_stay_inside(root: int) -> None:
    assert read(root, "absolute") == b"inside"


@pytest.mark.parametrize("way", ["new/far", "/new/far", "../../new/far", "./etc/../new/far", "second"])
def test_what_a_symlink_leads_to_is_made(tree: Path, root: int, way: str) -> None:
    (tree / "way").symlink_to(way)
    (tree / "second").symlink_to("new/far")
    with make_directories_in_root(root, "/way/on") as made:
        assert Path(os.readlink(f"/proc/self/fd/{made.fileno()}")) == tree / "new/far/on"
    assert not (tree.parent / "new").exists()


@pytest.mark.parametrize("count", [39, 40, 41])
def test_a_chain_of_symlinks_has_an_end(tree: Path, root: int, count: int) -> None:
    for number in range(count):
        (tree / f"way{number}").symlink_to(f"way{number + 1}")
    if count <= 40:
        make_directories_in_root(root, "way0").close()
        assert (tree / f"way{count}").is_dir()
        return
    with pytest.raises(OSError, match=r"Too many levels"):
        make_directories_in_root(root, "way0")


@pytest.mark.parametrize(
    ("path", "number"),
    [
        ("outside/secret", errno.ENOENT),
        ("magic", errno.ENOENT),
        ("loop", errno.ELOOP),
        ("dangling", errno.ENOENT),
    ],
)
def test_ways_out_are_errors(root: int, path: str, number: int) -> None:
    with pytest.raises(OSError, match=r"openat2\(") as caught:
        read(root, path)
    assert caught.value.errno == number


def test_symlinks_can_be_refused(root: int) -> None:
    with pytest.raises(OSError, match=r"openat2\(") as caught:
        open_in_root(root, "absolute", os.O_RDONLY, resolve=Resolve.NO_SYMLINKS)
    assert caught.value.errno == errno.ELOOP


def test_magic_links_are_refused() -> None:
    with (
        Fd(os.open("/proc", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)) as proc,
        pytest.raises(OSError, match=r"openat2\(") as caught,
    ):
        open_in_root(proc.fileno(), "self/root/etc", os.O_PATH)
    assert caught.value.errno in (errno.ELOOP, errno.EXDEV)


def test_directories_are_made_inside(root: int, tree: Path) -> None:
    make_directories_in_root(root, "/a/b/c").close()
    make_directories_in_root(root, "a/b/c").close()
    assert (tree / "a/b/c").is_dir()


def test_directories_are_never_made_outside(root: int, tree: Path) -> None:
    """`outside` points at the host's folder by an absolute path that does not exist inside the root."""
    before = sorted(tree.parent.iterdir())
    with make_directories_in_root(root, "outside/planted") as made:
        assert Path(os.readlink(f"/proc/self/fd/{made.fileno()}")).is_relative_to(tree)
    assert sorted(tree.parent.iterdir()) == before


def test_a_file_in_the_way_is_told(root: int) -> None:
    with pytest.raises(NotADirectoryError):
        make_directories_in_root(root, "secret/below")


def test_no_descriptor_is_left(root: int) -> None:
    before = os.listdir("/proc/self/fd")
    make_directories_in_root(root, "x/y").close()
    with pytest.raises(NotADirectoryError):
        make_directories_in_root(root, "x/y/../../secret/below")
    assert os.listdir("/proc/self/fd") == before
