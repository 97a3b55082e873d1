"""File systems that tests need, mounted for as long."""

import contextlib
import ctypes
import os
from collections.abc import Iterator
from pathlib import Path

_MNT_DETACH = 2


@contextlib.contextmanager
def mounted(kind: str, place: Path, options: str) -> Iterator[None]:
    """Mount it on a directory."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.mount(kind.encode(), bytes(place), kind.encode(), 0, options.encode()):
        raise OSError(ctypes.get_errno(), f"cannot mount a {kind}")
    try:
        yield
    finally:
        libc.umount2(bytes(place), _MNT_DETACH)


@contextlib.contextmanager
def hung_file_system(place: Path) -> Iterator[Path]:
    """Give a path on a server that never answers: whoever looks it up waits, and gets ENOTCONN at the end."""
    place.mkdir()
    server = os.open("/dev/fuse", os.O_RDWR | os.O_CLOEXEC)
    try:
        with mounted("fuse", place, f"fd={server},rootmode=40000,user_id=0,group_id=0"):
            try:
                yield place / "root"
            finally:
                os.close(server)
    finally:
        place.rmdir()
