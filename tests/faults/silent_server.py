"""A file system whose server takes some requests and never answers them."""

import contextlib
import errno
import os
import select
import struct
import threading
from collections.abc import Iterator
from pathlib import Path

from containerd_py.runtime.linux.fd import Fd
from tests.integration.mounted import mounted

# linux/fuse.h
LOOKUP, WRITE = 1, 16
_FORGET, _GETATTR, _OPEN, _READ, _INIT, _INTERRUPT, _BATCH_FORGET = 2, 3, 14, 15, 26, 36, 42
_IN, _OUT = struct.Struct("<IIQQIIII"), struct.Struct("<IiQ")
_ATTR, _READ_IN = struct.Struct("<6Q10I"), struct.Struct("<QQI")
_INIT_OUT = struct.Struct("<IIIIHHIIHHI28x").pack(7, 31, 65_536, 0, 12, 10, 65_536, 1, 0, 0, 0)
_ROOT, _FILE = 1, 2
_SILENT = (_FORGET, _INTERRUPT, _BATCH_FORGET)
_VALID_S = 3600


def _attr(inode: int) -> bytes:
    size, mode = (0, 0o40755) if inode == _ROOT else (65_536, 0o100644)
    return _ATTR.pack(inode, size, *[0] * 4, *[0] * 3, mode, 1, *[0] * 5)


def _answer(kind: int, inode: int, asked: bytes) -> bytes:
    """Of a root and one file in it, by whatever name, which is full of zeros."""
    if kind == _READ:
        return bytes(_READ_IN.unpack_from(asked)[2])
    return {
        _INIT: _INIT_OUT,
        LOOKUP: struct.pack("<4QII", _FILE, 0, _VALID_S, _VALID_S, 0, 0) + _attr(_FILE),
        _GETATTR: struct.pack("<QII", _VALID_S, 0, 0) + _attr(inode),
        _OPEN: struct.pack("<QII", 0, 0, 0),
    }.get(kind, b"")


@contextlib.contextmanager
def silent_server(place: Path, *silent: int) -> Iterator[threading.Event]:
    """Mount it; give what is set once it has a request of these kinds, which it takes and never answers.

    Who asks, and is killed, is in state D then until the server is gone: what a server has taken cannot be taken back.
    """
    place.mkdir()
    asked = threading.Event()
    with Fd(os.open("/dev/fuse", os.O_RDWR | os.O_CLOEXEC)) as server, Fd(os.eventfd(0)) as over:
        thread = threading.Thread(target=_serve, args=(server.fileno(), over.fileno(), asked, silent))
        with mounted("fuse", place, f"fd={server.fileno()},rootmode=40000,user_id=0,group_id=0,allow_other"):
            thread.start()
            try:
                yield asked
            finally:
                os.eventfd_write(over.fileno(), 1)
                thread.join()
                server.close()
    place.rmdir()


def _serve(server: int, over: int, asked: threading.Event, silent: tuple[int, ...]) -> None:
    while over not in select.select([server, over], [], [])[0]:
        request = os.read(server, 1 << 18)
        _length, kind, unique, inode, *_rest = _IN.unpack_from(request)
        if kind in silent:
            asked.set()
        if kind not in (*_SILENT, *silent):
            answer = _answer(kind, inode, request[_IN.size :])
            os.write(server, _OUT.pack(_OUT.size + len(answer), 0 if answer else -errno.ENOSYS, unique) + answer)
