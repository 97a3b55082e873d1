"""What kind of file system a file lies on: the standard library's statvfs does not tell."""

from __future__ import annotations

import ctypes

from containerd_py.runtime.linux.syscall import call


def magic_of(fd: int) -> int:
    """Return f_type of fstatfs(2): a *_MAGIC of linux/magic.h."""
    buffer = ctypes.create_string_buffer(120)  # struct statfs of 64-bit machines; f_type is its first word
    call("fstatfs", fd, buffer)
    return ctypes.c_long.from_buffer(buffer).value
