"""A payload that this process waits for: streams, signals, orphans, and the exit code at last."""

from __future__ import annotations

import os

from containerd_py.errors import Internal
from containerd_py.light import contextlib, signal, threading
from containerd_py.runtime.streams import Streams

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from containerd_py.runtime.linux.pidfd import WaitStatus

_GRACE_S = 1.0
"""For output of a payload that has ended, while a process that it left behind holds the pipe open."""


def exit_code(status: WaitStatus) -> int:
    """Return a shell's code for how a payload ended. Raises Internal where nobody knows."""
    if status.code is not None:
        return status.code
    if status.signal is not None:
        return 128 + status.signal
    raise Internal("cannot tell how the process ended: its exit was seen by nobody", step="wait")


class Relays:
    """Pipes in place of those of the caller's streams that are a terminal, which no payload gets (SECURITY R7).

    Enter before the payload is made; `run` once it has its ends; at the exit the rest of its output is passed on.
    """

    def __init__(self) -> None:
        self._pairs: list[tuple[int, int]] = []
        self._given: list[int] = []
        self._writers: list[threading.Thread] = []

    def __enter__(self) -> Streams:
        return Streams(*(self._end(fd) if os.isatty(fd) else fd for fd in range(3)))

    def _end(self, fd: int) -> int:
        read, write = os.pipe()
        theirs, ours = (read, write) if fd == 0 else (write, read)
        self._given.append(theirs)
        self._pairs.append((fd, ours) if fd == 0 else (ours, fd))
        return theirs

    def run(self) -> None:
        """Close the payload's ends, which it has by now, and start to pass bytes on."""
        for fd in self._given:
            os.close(fd)
        self._given.clear()
        for source, target in self._pairs:
            thread = threading.Thread(target=_copy, args=(source, target), daemon=True)
            thread.start()
            if source != 0:
                self._writers.append(thread)

    def __exit__(self, *exc: object) -> None:
        for fd in self._given:
            os.close(fd)
        for writer in self._writers:
            writer.join(_GRACE_S)


def _copy(source: int, target: int) -> None:
    from containerd_py.runtime import console

    with contextlib.suppress(OSError):  # one side is gone: nothing is left to do
        while data := console.read_some(source):
            console.write_all(target, data)
    os.close(target if source == 0 else source)  # our end of the pipe: the payload's input ends with the caller's


@contextlib.contextmanager
def adopting_orphans(payload: int) -> Iterator[None]:
    """Reap what the payload leaves behind, as its subreaper; the payload itself is left to who waits for it."""

    def reap(*_signal: object) -> None:
        for pid in children():
            if pid != payload:
                with contextlib.suppress(ChildProcessError):
                    os.waitpid(pid, os.WNOHANG)

    before = signal.signal(signal.SIGCHLD, reap)
    reap()  # those that it has left by now
    try:
        yield
    finally:
        signal.signal(signal.SIGCHLD, before)


def children() -> list[int]:
    """Return the children of this process, which has one thread that makes any."""
    with open("/proc/thread-self/children", encoding="utf-8") as file:
        return [int(pid) for pid in file.read().split()]
