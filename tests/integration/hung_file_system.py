"""A file system whose server never answers: whoever looks for something in it waits until that server is gone."""

import contextlib
import ctypes
import os
from collections.abc import Iterator
from pathlib import Path

_MNT_DETACH = 2


@contextlib.contextmanager
def hung_file_system(place: Path) -> Iterator[Path]:
    """Mount it at a place, which is made, and give a path in it; at the end those who wait get ENOTCONN."""
    libc = ctypes.CDLL(None, use_errno=True)
    place.mkdir()
    server = os.open("/dev/fuse", os.O_RDWR | os.O_CLOEXEC)
    try:
        options = f"fd={server},rootmode=40000,user_id=0,group_id=0".encode()
        if libc.mount(b"hung", bytes(place), b"fuse", 0, options):
            raise OSError(ctypes.get_errno(), "cannot mount a FUSE file system")
        yield place / "root"
    finally:
        os.close(server)
        libc.umount2(bytes(place), _MNT_DETACH)
        place.rmdir()
