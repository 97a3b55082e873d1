"""The start of a container of the library: its worker is told to become the payload, and heard until it has."""

from __future__ import annotations

import time

from containerd_py.errors import ContainerdError
from containerd_py.light import contextlib
from containerd_py.light.dataclasses import replace
from containerd_py.runtime import hooks, timing
from containerd_py.runtime.beginning import Beginning
from containerd_py.runtime.ending import Ending
from containerd_py.runtime.init import dialogue
from containerd_py.runtime.linux.fd import Fd

TYPE_CHECKING = False
if TYPE_CHECKING:
    from containerd_py.light import socket
    from containerd_py.runtime.state import State

_END_S = 5.0


class Starting(Ending):
    """A container that can be started; one whose poststart hooks fail is destroyed."""

    def start(self, beginning: Beginning | None = None) -> None:
        """Let the worker become the payload. Raises Conflict unless created, InvalidArgument if it cannot be executed.

        Also what a failing poststart hook raises: then the container is gone (runtime.md, "Lifecycle", since 1.3).
        """
        beginning = beginning or Beginning()
        with self._directory.locked():
            self._check("start", "created", met=True)
            asked_ns = time.monotonic_ns()
            with self._connection() as connection:
                beginning.watch(connection)
                try:
                    dialogue.send_start(connection)
                    self._hear_start(connection, beginning)
                except (BrokenPipeError, ConnectionResetError):
                    raise self._vanished() from None
            self._directory.stop_listening()  # from here on `state` says running, whatever the file says
            with contextlib.suppress(ContainerdError):  # no room on the disk: the payload runs all the same
                kept = timing.started(self._state.kept, asked_ns, beginning.ended_ns)
                self._state = replace(self._state, status="running", kept=kept)  # whose turn it is: ours
                self._directory.write(self._state)
        self._tell_of_start(replace(self._state, status="running"))  # as it was then: it may have ended already

    def _connection(self) -> socket.socket:
        """Return one to the worker that waits."""
        try:
            return self._directory.connect()
        except (ConnectionRefusedError, FileNotFoundError):
            self._check("start", "created")  # it was started already, by somebody who could not write it down
            raise self._vanished() from None

    def _tell_of_start(self, started: State) -> None:
        try:
            hooks.run("poststart", self._hooks("poststart"), started.document())
        except ContainerdError:
            with contextlib.suppress(ContainerdError, OSError):  # the first error is the one to tell
                self.destroy(force=True)
            raise

    def _hear_start(self, connection: socket.socket, beginning: Beginning) -> None:
        while True:
            message, fds = dialogue.receive(connection)
            match message:
                case dialogue.Listener():
                    self._hand_over(Fd(fds[0]))
                case dialogue.Failed():
                    raise self._failure(message)
                case dialogue.Times():
                    beginning.heard, beginning.ended_ns = True, message.ended_ns
                case None if beginning.heard:
                    return
                case _:
                    raise self._vanished()

    def _vanished(self) -> ContainerdError:
        if self._process is not None and self._process.has_ended(timeout_s=_END_S):
            self._status = self._process.reap()
        from containerd_py.runtime import process
        from containerd_py.runtime.cgroups.oom import oom_kills

        return process.vanished(self._directory.plan(), self._status, oom_kills=oom_kills(self._state.cgroup))

    def _hand_over(self, listener: Fd) -> None:
        from containerd_py.runtime.parent import hand_over_listener

        hand_over_listener(self.spec, self._state, listener)

    def _failure(self, failed: dialogue.Failed) -> ContainerdError:
        from containerd_py.runtime import process

        return process.failure(self._directory.plan(), failed)
