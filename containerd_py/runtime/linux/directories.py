"""Reading a directory by its descriptor (getdents64(2)): os.scandir is not for a frozen worker (SECURITY R4)."""

from __future__ import annotations

import os
import struct

from containerd_py.light import ctypes
from containerd_py.runtime.linux.syscall import call

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

_HEAD = struct.Struct("=QqHB")  # struct linux_dirent64 up to its name
_ROOM = 32_768


def names(directory: int) -> Iterator[str]:
    """Yield the names in an open directory, without "." and ".."; it must not be O_PATH. One that is removed has none."""
    buffer = ctypes.create_string_buffer(_ROOM)
    while size := _read(directory, buffer):
        yield from filter(lambda name: name not in (".", ".."), map(os.fsdecode, _entries(buffer.raw[:size])))


def _read(directory: int, buffer: ctypes.Array[ctypes.c_char]) -> int:
    try:
        return call("getdents64", directory, buffer, _ROOM)
    except FileNotFoundError:  # so the kernel calls what was removed while it was open
        return 0


def _entries(data: bytes) -> Iterator[bytes]:
    offset = 0
    while offset < len(data):
        _inode, _next, length, _kind = _HEAD.unpack_from(data, offset)
        yield data[offset + _HEAD.size : offset + length].split(b"\0", 1)[0]
        offset += length
