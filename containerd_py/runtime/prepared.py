"""Launchers: processes that fork one worker each, as their own parent's child, and end (ADR 3).

A launcher takes as long to start as what asks it for a worker takes to know which: `prepare` starts one ahead, which gets
ready on another processor meanwhile. Little is imported here, so that this can be the first thing that a program does.
"""

from __future__ import annotations

import os

from containerd_py.light import signal, socket
from containerd_py.runtime.linux.fd import Fd
from containerd_py.runtime.spawner import seal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Self


class Launcher:
    """One that was started and waits for its request. connection: our end of its socket."""

    def __init__(self, pid: int, pidfd: Fd, connection: socket.socket) -> None:
        self.pid = pid
        self.pidfd = pidfd
        self.connection = connection

    @classmethod
    def start(cls) -> Self:
        """Raises OSError, Unavailable."""
        connection, role_end = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        pid = None
        try:
            with role_end:
                pid = seal.start_role("launcher", role_end.fileno(), session=False)
            return cls(pid, Fd(os.pidfd_open(pid)), connection)
        except BaseException:
            connection.close()  # of which it ends, where it has begun
            if pid is not None:
                os.waitpid(pid, 0)
            raise

    def kill(self) -> None:
        """Whoever ends all children of this process ends it too: then it is reaped, and all is well."""
        try:
            signal.pidfd_send_signal(self.pidfd.fileno(), signal.SIGKILL)
        except ProcessLookupError:
            return

    def reap(self) -> None:
        """Wait for its end."""
        try:
            os.waitpid(self.pid, 0)
        except ChildProcessError:  # a host program that ignores SIGCHLD
            return

    def close(self) -> None:
        self.connection.close()
        self.pidfd.close()


_prepared: list[Launcher] = []
_meanwhile: list[Callable[[], object]] = []


def prepare() -> None:
    """Start a launcher for whoever needs one next, who calls `discard` in the end. Raises OSError, Unavailable."""
    _prepared.append(Launcher.start())


def take() -> Launcher:
    """Return a launcher, prepared or started now, to be reaped and closed by the caller. Raises OSError, Unavailable."""
    return _prepared.pop() if _prepared else Launcher.start()


def meanwhile(do: Callable[[], object]) -> None:
    """Have something done by whoever waits for a launcher next, in the time that it takes."""
    _meanwhile.append(do)


def use_wait() -> None:
    """Do it now: a launcher has its request."""
    while _meanwhile:
        _meanwhile.pop()()


def discard() -> None:
    """End the launchers that were prepared and that nobody needed."""
    while _prepared:
        one = _prepared.pop()
        one.kill()
        one.reap()
        one.close()
