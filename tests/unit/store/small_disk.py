"""A file system that is full soon: a detached tmpfs, seen by no other process and gone with its descriptor."""

import contextlib
import os
from collections.abc import Iterator

import pytest

from containerd_py.runtime.linux.mounts import MountAttr, new_filesystem

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="a tmpfs needs root")


@contextlib.contextmanager
def small_disk(*, size: str = "64k", inodes: int = 16) -> Iterator[str]:
    """Yield the path of an empty file system's root."""
    with new_filesystem("tmpfs", (("size", size), ("nr_inodes", str(inodes))), MountAttr(0)) as tree:
        yield f"/proc/self/fd/{tree.fileno()}"


def fill(directory: str) -> None:
    """Leave no byte free."""
    with open(os.path.join(directory, "filler"), "wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(bytes(4096))


def use_up_inodes(directory: str) -> None:
    """Leave no file to be made."""
    with contextlib.suppress(OSError):
        for number in range(1000):
            os.close(os.open(os.path.join(directory, f"inode{number}"), os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC))
