"""Being told of changes of files (inotify(7)); the control files of cgroup v2 tell theirs so."""

from __future__ import annotations

import os
import struct

from containerd_py.runtime.linux.fd import Fd
from containerd_py.runtime.linux.syscall import Flags, call

_EVENT = struct.Struct("iIII")


class Watch(Flags):
    MODIFY = 0x2


def inotify_init1() -> Fd:
    """Return a descriptor that becomes readable with each event; close-on-exec and non-blocking."""
    return Fd(call("inotify_init1", os.O_CLOEXEC | os.O_NONBLOCK))


def inotify_add_watch(fd: int, path: str, mask: Watch) -> int:
    return call("inotify_add_watch", fd, path, mask)


def masks(data: bytes) -> list[int]:
    """Return what each of the events is about that were read (struct inotify_event)."""
    found = []
    while len(data) >= _EVENT.size:
        _watch, mask, _cookie, length = _EVENT.unpack_from(data)
        found.append(mask)
        data = data[_EVENT.size + length :]
    return found
