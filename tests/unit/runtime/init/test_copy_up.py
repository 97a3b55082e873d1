"""A copy of a directory by descriptors alone, into a file system that is mounted nowhere. Needs root."""

import os
import stat
from pathlib import Path

import pytest

from containerd_py.runtime.init.copy_up import copy_directory
from containerd_py.runtime.init.steps import StepFailed
from containerd_py.runtime.linux.directories import names
from containerd_py.runtime.linux.fd import Fd
from containerd_py.runtime.linux.mounts import MountAttr, new_filesystem


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "source"
    folder.mkdir()
    return folder


def copied(source: Path, own: tuple[str, ...] = (), **options: str) -> Fd:
    tree = new_filesystem("tmpfs", tuple(options.items()), MountAttr(0))
    with Fd(os.open(source, os.O_PATH)) as opened:
        try:
            copy_directory(opened.fileno(), tree.fileno(), own)
        except BaseException:
            tree.close()
            raise
    return tree


def read(tree: Fd, path: str) -> bytes:
    with Fd(os.open(path, os.O_RDONLY | os.O_NOFOLLOW, dir_fd=tree.fileno())) as file:
        return os.read(file.fileno(), 100)


def test_many_names(source: Path) -> None:
    """More than one call of getdents64 returns, and names that are no text."""
    for number in range(2_000):
        (source / f"{number:060}").touch()
    (Path(os.fsdecode(bytes(source) + b"/\xff\xfe"))).touch()
    with copied(source) as tree:
        opened = os.open(".", os.O_RDONLY | os.O_DIRECTORY, dir_fd=tree.fileno())
        with Fd(opened):
            assert sorted(names(opened)) == sorted(os.listdir(source))


def test_attributes_and_capabilities_survive(source: Path) -> None:
    (source / "tool").write_bytes(b"x")
    os.chown(source / "tool", 5, 6)
    (source / "tool").chmod(0o6755)
    capability = bytes.fromhex("0100000200200000000000000000000000000000")  # cap_net_raw=ep, vfs_cap_data version 2
    os.setxattr(source / "tool", "security.capability", capability)
    os.setxattr(source / "tool", "trusted.colour", b"red")
    os.setxattr(source, "trusted.folder", b"yes")
    with copied(source) as tree:
        with Fd(os.open("tool", os.O_RDONLY, dir_fd=tree.fileno())) as file:
            assert os.getxattr(file.fileno(), "security.capability") == capability
            assert os.getxattr(file.fileno(), "trusted.colour") == b"red"
            found = os.fstat(file.fileno())
        assert (stat.S_IMODE(found.st_mode), found.st_uid, found.st_gid) == (0o6755, 5, 6)
        with Fd(os.open(".", os.O_RDONLY, dir_fd=tree.fileno())) as root:
            assert os.getxattr(root.fileno(), "trusted.folder") == b"yes"


@pytest.mark.parametrize(
    ("own", "expected"),
    [
        ((), (0o750, 5, 6)),
        (("mode",), (0o701, 5, 6)),
        (("uid",), (0o750, 1, 6)),
        (("mode", "uid", "gid"), (0o701, 1, 2)),
    ],
)
def test_what_is_the_copy_s_own(source: Path, own: tuple[str, ...], expected: tuple[int, ...]) -> None:
    source.chmod(0o750)
    os.chown(source, 5, 6)
    with copied(source, own, mode="701", uid="1", gid="2") as tree:
        found = os.fstat(tree.fileno())
    assert (stat.S_IMODE(found.st_mode), found.st_uid, found.st_gid) == expected


def test_holes_take_no_room(source: Path) -> None:
    with open(source / "sparse", "wb") as file:
        file.truncate(1 << 40)
        file.seek(1 << 39)
        file.write(b"middle")
    with copied(source, size="64k") as tree:
        found = os.stat("sparse", dir_fd=tree.fileno())
        assert found.st_size == 1 << 40
        with Fd(os.open("sparse", os.O_RDONLY, dir_fd=tree.fileno())) as file:
            assert os.pread(file.fileno(), 7, 1 << 39) == b"middle\0"


def test_nothing_is_followed_or_opened(source: Path, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("host")
    (source / "absolute").symlink_to(tmp_path / "secret")
    (source / "relative").symlink_to("../secret")
    (source / "folder").symlink_to(tmp_path)
    os.mkfifo(source / "fifo")
    os.mknod(source / "socket", stat.S_IFSOCK | 0o600)
    os.mknod(source / "tty", stat.S_IFCHR | 0o600, os.makedev(5, 0))
    with copied(source) as tree:
        links = {name: os.readlink(name, dir_fd=tree.fileno()) for name in ("absolute", "relative", "folder")}
        kinds = {
            name: stat.S_IFMT(os.stat(name, dir_fd=tree.fileno(), follow_symlinks=False).st_mode)
            for name in ("fifo", "socket", "tty")
        }
    assert links == {"absolute": str(tmp_path / "secret"), "relative": "../secret", "folder": str(tmp_path)}
    assert kinds == {"fifo": stat.S_IFIFO, "socket": stat.S_IFSOCK, "tty": stat.S_IFCHR}


def test_an_empty_file_and_one_without_rights(source: Path) -> None:
    (source / "empty").touch()
    (source / "locked").write_bytes(b"text")
    (source / "locked").chmod(0)
    with copied(source) as tree:
        assert (read(tree, "empty"), read(tree, "locked")) == (b"", b"text")


def test_it_does_not_fit(source: Path) -> None:
    (source / "big").write_bytes(b"x" * (1 << 20))
    with pytest.raises(OSError, match="No space left"):
        copied(source, size="64k")


def test_too_deep(source: Path) -> None:
    (source / "/".join("d" * 130)).mkdir(parents=True)
    with pytest.raises(StepFailed, match="deeper than 128 levels"):
        copied(source)
