"""Files of a procfs that is one: checked, and with nothing mounted over its files (SECURITY R6).

A /proc of the container's, or one that somebody may mount upon, can lead a write elsewhere [CVE-2019-16884,
CVE-2025-52881].
"""

from __future__ import annotations

import errno
import os

from containerd_py.runtime.linux.mounts import MountAttr, new_filesystem
from containerd_py.runtime.linux.paths import Resolve, openat2
from containerd_py.runtime.linux.statfs import filesystem_magic

TYPE_CHECKING = False
if TYPE_CHECKING:
    from containerd_py.runtime.linux.fd import Fd

_AT_FDCWD = -100
_PROC_SUPER_MAGIC = 0x9FA0
_PROC_ROOT_INO = 1
_INSIDE = Resolve.BENEATH | Resolve.NO_XDEV | Resolve.NO_MAGICLINKS


def open_private() -> Fd:
    """Return a procfs of the caller's pid namespace that nobody else has, as a detached mount (fsopen(2)).

    Where the kernel refuses one (a user namespace that does not own the pid namespace, or whose own /proc is covered in
    part), the /proc of the caller's mount namespace. Raises OSError EINVAL where that is no procfs.
    """
    try:
        mount = new_filesystem("proc", (), MountAttr.NOSUID | MountAttr.NODEV | MountAttr.NOEXEC)
    except PermissionError:
        mount = openat2(_AT_FDCWD, "/proc", os.O_PATH | os.O_DIRECTORY, 0, Resolve.NO_SYMLINKS)
    _check(mount.fileno())
    return mount


def write(procfs: int, path: str, text: str) -> None:
    """Write `text` to the file `path` at once. Raises OSError: what the file answers; EXDEV where it is mounted upon."""
    with openat2(procfs, path, os.O_WRONLY, 0, _INSIDE) as file:
        data = text.encode()
        if os.write(file.fileno(), data) != len(data):
            raise OSError(errno.EIO, f"write({path!r}): not all of it was taken")


def read(procfs: int, path: str) -> str:
    """Return the first 4096 bytes of the file `path`, as text. Raises OSError as `write` does."""
    with openat2(procfs, path, os.O_RDONLY, 0, _INSIDE) as file:
        return os.read(file.fileno(), 4096).decode(errors="replace")


def _check(procfs: int) -> None:
    if filesystem_magic(procfs) != _PROC_SUPER_MAGIC or os.fstat(procfs).st_ino != _PROC_ROOT_INO:
        raise OSError(errno.EINVAL, "open('/proc'): not the root of a procfs")
