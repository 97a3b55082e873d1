"""Where the kernel notes the pid of a worker before it runs, for its parent to find whatever becomes of who forked it.

A stage or launcher that enters a container's namespaces may be in its cgroup by then, and be killed together with it
between the fork and the word to the parent. The worker is the parent's child all the same (CLONE_PARENT), and while nobody
reaps it, it is in the container's pid namespace, whose first process then never comes to its end (pid_namespaces(7)).
"""

from __future__ import annotations

import mmap
import os
import sys

from containerd_py.light import ctypes
from containerd_py.runtime.linux.fd import Fd


class Birth:
    """A page that a parent shares with who forks for it."""

    def __init__(self, file: int = -1) -> None:
        """Share it by being forked, or by the descriptor of an `open_page`."""
        self._page = mmap.mmap(file, mmap.PAGESIZE)
        self._pid = ctypes.c_int.from_buffer(self._page)

    @property
    def pid(self) -> int | None:
        return self._pid.value or None

    def expect(self) -> int:
        """Return the address for `clone3`. In the process that forks: one that is being killed gets no page any more."""
        self._pid.value = 0
        return ctypes.addressof(self._pid)


def open_page() -> Fd:
    """Return a file for a page that is shared with another program."""
    page = Fd(os.memfd_create("birth", os.MFD_CLOEXEC))
    os.ftruncate(page.fileno(), mmap.PAGESIZE)
    return page


def pid_of(page: int) -> int | None:
    """Read what was noted in an `open_page`."""
    return int.from_bytes(os.pread(page, ctypes.sizeof(ctypes.c_int), 0), sys.byteorder) or None
