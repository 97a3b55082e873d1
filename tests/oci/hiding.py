"""crun 1.8 and runc 1.1 take a hybrid cgroup layout for what they cannot use, unless its cgroup2 mount is out of sight."""

import ctypes
import functools
import os
from pathlib import Path

_CLONE_NEWNS = 0x20000
_MS_REC_PRIVATE = 0x44000
_MNT_DETACH = 2
_CGROUP2 = Path("/sys/fs/cgroup/unified")


@functools.cache
def hide_cgroup2() -> None:
    """Give this test run a mount namespace of its own in which no cgroup2 is mounted beside v1; the host's mounts stay."""
    if not _CGROUP2.is_mount():
        return
    libc = ctypes.CDLL(None, use_errno=True)
    for failed in (
        libc.unshare(_CLONE_NEWNS),
        libc.mount(None, b"/", None, _MS_REC_PRIVATE, None),
        libc.umount2(bytes(_CGROUP2), _MNT_DETACH),
        libc.mount(b"tmpfs", bytes(_CGROUP2), b"tmpfs", 0, None),  # crun makes its directories there all the same
    ):
        if failed:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()), str(_CGROUP2))
