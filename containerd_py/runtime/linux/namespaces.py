"""Namespaces by file: what kind one is (ioctl_ns(2)), whether it is the first, and where its offsets are written
(time_namespaces(7)).
"""

from __future__ import annotations

import fcntl
import os

from containerd_py.runtime.linux.paths import NO_RESTRICTION, openat2
from containerd_py.runtime.linux.process import Clone

TYPE_CHECKING = False
if TYPE_CHECKING:
    from containerd_py.runtime.linux.fd import Fd

_AT_FDCWD = -100
_NS_GET_NSTYPE = 0xB703  # _IO(0xb7, 3), Linux 4.11
_FIRST_USER = 0xEFFFFFFD  # PROC_USER_INIT_INO (include/linux/proc_ns.h)

FLAGS = {
    "mount": Clone.NEWNS,
    "pid": Clone.NEWPID,
    "network": Clone.NEWNET,
    "ipc": Clone.NEWIPC,
    "uts": Clone.NEWUTS,
    "user": Clone.NEWUSER,
    "cgroup": Clone.NEWCGROUP,
    "time": Clone.NEWTIME,
}
"""The flag of each namespace by its OCI name."""

FILES = {
    "mount": "mnt",
    "pid": "pid",
    "network": "net",
    "ipc": "ipc",
    "uts": "uts",
    "user": "user",
    "cgroup": "cgroup",
    "time": "time",
}
"""The name of each namespace below /proc/PID/ns."""


def kind_of(fd: int) -> Clone | None:
    """Return the flag of the namespace that `fd` is open on, None for any other file."""
    try:
        return Clone(fcntl.ioctl(fd, _NS_GET_NSTYPE))
    except OSError:
        return None


def in_first_user_namespace() -> bool:
    """Tell whether this process is: in any other, what concerns the whole host is refused, whoever asks.

    Its maps would not tell, since those of another may be the same.
    """
    return os.stat("/proc/self/ns/user").st_ino == _FIRST_USER


def open_time_offsets() -> Fd:
    """Open the file that takes the offsets of the time namespace which this process's children enter."""
    return openat2(_AT_FDCWD, "/proc/self/timens_offsets", os.O_WRONLY, 0, NO_RESTRICTION)
