"""Detached mounts: made, changed and dropped without touching this process's mount namespace. Needs root."""

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from containerd_py.runtime.linux.fd import Fd
from containerd_py.runtime.linux.mounts import MountAttr, clone_tree, mount_setattr, new_filesystem
from tests.surroundings import host_mounts


def write(tree: Fd, name: str) -> None:
    with Fd(os.open(name, os.O_CREAT | os.O_WRONLY | os.O_CLOEXEC, 0o600, dir_fd=tree.fileno())) as file:
        os.write(file.fileno(), b"x")


def test_a_file_system_is_made_detached() -> None:
    before = host_mounts()
    with new_filesystem("tmpfs", (("size", "65536"), ("mode", "0711")), MountAttr.NODEV) as tree:
        write(tree, "a")
        assert os.fstat(tree.fileno()).st_mode & 0o777 == 0o711
        assert os.fstatvfs(tree.fileno()).f_blocks * os.fstatvfs(tree.fileno()).f_frsize == 65536
        assert host_mounts() == before


def test_a_clone_is_made_read_only_alone(tmp_path: Path) -> None:
    with clone_tree(-100, str(tmp_path), recursive=True) as tree:
        mount_setattr(tree.fileno(), add=MountAttr.RDONLY, remove=MountAttr(0), recursive=True)
        with pytest.raises(OSError, match="Read-only") as caught:
            write(tree, "a")
    assert caught.value.errno == errno.EROFS
    (tmp_path / "a").touch()


def test_a_refused_option_is_shown() -> None:
    with pytest.raises(OSError, match=r"fsconfig\(.*'colour', 'red'"):
        new_filesystem("tmpfs", (("colour", "red"),), MountAttr(0))


def test_a_mount_is_attached_by_descriptor(tmp_path: Path) -> None:
    script = (
        "import os, sys\n"
        "from containerd_py.runtime.linux import mounts\n"
        "tree = mounts.new_filesystem('tmpfs', (), mounts.MountAttr.NOEXEC)\n"
        "target = os.open(sys.argv[1], os.O_PATH)\n"
        "mounts.attach(tree.fileno(), target)\n"
        "print([l for l in open('/proc/self/mountinfo') if sys.argv[1] in l])\n"
    )
    done = subprocess.run(
        ["/usr/bin/unshare", "--mount", sys.executable, "-c", script, str(tmp_path)],
        check=True,
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert f" {tmp_path} rw,noexec" in done.stdout
    assert str(tmp_path) not in Path("/proc/self/mountinfo").read_text()
