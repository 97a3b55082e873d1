"""Which kind of file system something lies on (statfs(2)); os.fstatvfs does not tell."""

from __future__ import annotations

from containerd_py.light import ctypes
from containerd_py.runtime.linux.syscall import call

# linux/magic.h
PROC_SUPER_MAGIC = 0x9FA0
SYSFS_MAGIC = 0x6265_6572
DEVPTS_SUPER_MAGIC = 0x1CD1


class _Statfs(ctypes.Structure):
    """struct statfs, 120 bytes on 64-bit machines: f_type first."""

    _fields_ = (("f_type", ctypes.c_long), ("rest", ctypes.c_byte * 112))


def filesystem_magic(fd: int) -> int:
    """Return f_type of what is open at `fd`, O_PATH too."""
    found = _Statfs()
    call("fstatfs", fd, found)
    return int(found.f_type)
