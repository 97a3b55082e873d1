"""Forking a worker as this process's own child, by a sealed launcher (`prepared`) that makes it and ends (ADR 3).

The daemon has its workers forked by the spawner; everybody else by `fork`.
"""

from __future__ import annotations

import errno
import select
import time

from containerd_py.errors import ContainerdError, DeadlineExceeded, Forbidden, Internal, InvalidArgument, Unavailable
from containerd_py.light import signal, socket
from containerd_py.light.contextlib import closing, suppress
from containerd_py.light.dataclasses import dataclass
from containerd_py.runtime import prepared
from containerd_py.runtime.linux.fd import Fd
from containerd_py.runtime.linux.pidfd import WaitStatus, is_held, pidfd_open, pidfd_send_signal, witness_exit
from containerd_py.runtime.spawner import protocol, seal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from containerd_py.runtime.spawner.request import ForkRequest

_LAUNCH_S = 30
_HELD_PAUSE_S = 0.01
_KILL_S = 10.0

DELEGATION_HINT = "an ordinary user does it from a process of the own service manager: systemd-run --user --scope COMMAND"
"""The kernel asks for the right to write to the first cgroup above both (cgroups(7), "Cgroup delegation")."""


@dataclass
class ProcessHandle:
    """A process by its pidfd, wherever it came from."""

    pid: int
    pidfd: Fd

    def has_ended(self, *, timeout_s: float | None = 0) -> bool:
        """Wait for the end, without limit where `timeout_s` is None."""
        return _readable(self.pidfd, within_s=timeout_s)

    def signal(self, number: int) -> None:
        with suppress(ProcessLookupError):  # it ended this very moment
            pidfd_send_signal(self.pidfd.fileno(), number)

    def reap(self) -> WaitStatus:
        """Wait for the end; tell nothing (neither code nor signal) where somebody else reaped it and the kernel forgot."""
        self.has_ended(timeout_s=None)
        while (status := witness_exit(self.pidfd.fileno())) is None and is_held(self.pidfd.fileno()):
            time.sleep(_HELD_PAUSE_S)
        # Asked again: whoever held it may have let go of it since.
        return status or witness_exit(self.pidfd.fileno()) or WaitStatus(None, None)

    def end(self) -> WaitStatus:
        """Kill it and wait for its end. Raises DeadlineExceeded where it does not come to that."""
        self.signal(signal.SIGKILL)
        if not self.has_ended(timeout_s=_KILL_S):
            raise DeadlineExceeded(
                f"cannot end process {self.pid}: it was killed {_KILL_S:g} s ago and stays",
                step="kill",
                hint="it may be stuck in the kernel (state D), or somebody else may have frozen it",
            )
        return self.reap()

    def close(self) -> None:
        self.pidfd.close()


@dataclass
class Worker(ProcessHandle):
    """A worker that was forked. control: our end of the dialogue."""

    control: socket.socket

    def close(self) -> None:
        self.pidfd.close()
        self.control.close()


def open_dialogue() -> tuple[socket.socket, socket.socket]:
    """Return (our end, the worker's end) of a control socket."""
    return socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)


class Forking:
    """A worker that a launcher was asked for, while the launcher forks it. To be ended by `worker`, or by `give_up`.

    control: our end of its socket, into which a plan can be put by now.
    """

    def __init__(self, request: ForkRequest, control: socket.socket) -> None:
        """Raises Unavailable; then the socket is still the caller's."""
        self.control = control
        self._ended = False
        self._page: Fd | None = None
        self._launcher = prepared.take()
        try:
            if request.entering:  # a launcher that is lost leaves nothing in somebody's container
                from containerd_py.runtime.spawner.birth import open_page

                self._page = open_page()
            self._ask(request)
        except BaseException:
            self._launcher.kill()  # it would wait for its request
            self._launcher.reap()
            self._close()
            raise

    def _ask(self, request: ForkRequest) -> None:
        message, fds = request.message()
        pages = [] if self._page is None else [self._page.fileno()]
        with suppress(BrokenPipeError):  # it was killed: told by `worker`
            asked = {"op": "spawn", "birth": self._page is not None, **message}
            protocol.send(self._launcher.connection, asked, [*fds, *pages])

    def worker(self) -> Worker:
        """Return the worker once it is there, with the socket. Raises Unavailable, Forbidden, InvalidArgument, Internal."""
        self._ended = True
        connection = self._launcher.connection
        try:
            try:
                if not _readable(connection, within_s=_LAUNCH_S):
                    self._launcher.kill()  # frozen with the container, say
                answer, received = protocol.receive(connection)
            finally:
                self._launcher.reap()
            if answer is None:
                return _orphan(self._page, self.control)
        finally:
            self._close()
        if answer["op"] == "unsafe":
            raise seal.unsafe(answer["text"])
        if answer["op"] == "refused":
            raise refusal(answer["errno"], answer["text"])
        return Worker(answer["pid"], Fd(received[0]), self.control)

    def give_up(self) -> None:
        """End the worker that nobody needs any more; do nothing where `worker` was asked for it.

        Raises DeadlineExceeded where it does not come to that.
        """
        if self._ended:
            return
        with closing(self.control):  # a worker of which nothing could be heard ends by that
            try:
                worker = self.worker()
            except (ContainerdError, OSError, ValueError):
                return
            with closing(worker):
                worker.end()

    def _close(self) -> None:
        self._launcher.close()
        if self._page is not None:
            self._page.close()


def fork(request: ForkRequest, control: socket.socket) -> Worker:
    """Fork a worker as our own child. control: our end of its socket. Raises Unavailable."""
    forking = Forking(request, control)
    prepared.use_wait()
    return forking.worker()


def _readable(file: Fd | socket.socket, *, within_s: float | None) -> bool:
    poll = select.poll()  # select(2) takes no descriptor above 1023
    poll.register(file, select.POLLIN)
    return bool(poll.poll(None if within_s is None else within_s * 1000))


def _orphan(page: Fd | None, control: socket.socket) -> Worker:
    """The launcher was killed, with the container that it had entered, say; a worker that it made is ours to reap."""
    from containerd_py.runtime.spawner.birth import pid_of

    pid = pid_of(page.fileno()) if page is not None else None
    if pid is not None:
        with suppress(ProcessLookupError):  # a host program that ignores SIGCHLD
            return Worker(pid, Fd(pidfd_open(pid)), control)
    raise Internal("cannot fork worker: the launcher ended without a word", step="fork")


def refusal(number: int | None, text: str) -> ContainerdError:
    """Return the error for a fork that was refused."""
    if number == errno.EACCES:  # said by a cgroup alone, where a worker is to be born in one (clone3(2))
        told = f"cannot fork worker in the container's cgroup: {text}"
        return Forbidden(told, step="cgroup", errno=number, hint=DELEGATION_HINT)
    kind = InvalidArgument if number == errno.ERANGE else Unavailable  # time offsets that no clock of this host can have
    return kind(f"cannot fork worker: {text}", step="fork", errno=number, hint="the host may be out of processes or memory")
