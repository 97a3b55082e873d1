"""What is done at the moments of a restore that CRIU tells of, while all that it has made waits."""

from __future__ import annotations

import os
from contextlib import suppress

from containerd_py.errors import NotFound
from containerd_py.light.dataclasses import replace
from containerd_py.runtime import hooks
from containerd_py.runtime.checkpoint.protection import put_right
from containerd_py.runtime.launcher import ProcessHandle
from containerd_py.runtime.linux.fd import Fd
from containerd_py.runtime.linux.loopback import set_up
from containerd_py.runtime.linux.pidfd import identity
from containerd_py.runtime.network.threads import run_inside
from containerd_py.runtime.parent import bring_up, take_back
from containerd_py.runtime.streams import hand_over_if_asked

TYPE_CHECKING = False
if TYPE_CHECKING:
    from contextlib import ExitStack

    from containerd_py.runtime.beginning import Beginning
    from containerd_py.runtime.checkpoint.messages import Answer
    from containerd_py.runtime.plan.plan import Plan
    from containerd_py.runtime.spec.models import Spec
    from containerd_py.runtime.state import State, StateDirectory


class Moments:
    """state: as recorded last; process: the first of the restored ones, our child; terminal: its master, taken by nobody.

    undo: gets what takes back what is done here.
    """

    def __init__(
        self,
        directory: StateDirectory,
        spec: Spec,
        plan: Plan,
        state: State,
        console_socket: str | None,
        beginning: Beginning,
        undo: ExitStack,
    ) -> None:
        self.state = state
        self.process: ProcessHandle | None = None
        self.terminal: Fd | None = None
        self._directory = directory
        self._spec = spec
        self._plan = plan
        self._console_socket = console_socket
        self._beginning = beginning
        self._undo = undo

    def hear(self, answer: Answer, fds: list[int]) -> None:
        """Raises what is wrong with hooks and the like: CRIU then undoes what it has made."""
        match answer.notification:
            case "setup-namespaces":
                self._bring_up(answer.pid)
            case "orphan-pts-master":
                self._take_terminal(Fd(os.dup(fds[0])))
            case "post-restore":
                put_right(self._plan, answer.pid)
                self._remember(answer.pid)

    def _bring_up(self, pid: int) -> None:
        if any(one.type == "network" and not one.path for one in self._spec.linux.namespaces):
            with Fd(os.open(f"/proc/{pid}/ns/net", os.O_RDONLY | os.O_CLOEXEC)) as netns:
                run_inside(netns.fileno(), set_up)
        self._undo.callback(self._poststop)
        bring_up(self._spec, replace(self.state, pid=pid))
        self._undo.callback(take_back, self._spec, self.state.id)

    def _poststop(self) -> None:
        """Its life has begun with its hooks, and ends with them (runtime.md, "Lifecycle")."""
        hooks.run_all("poststop", self._spec.hooks.poststop, replace(self.state, status="stopped", pid=0).document())

    def _take_terminal(self, master: Fd) -> None:
        if self.terminal is not None:
            master.close()
            return
        self.terminal = hand_over_if_asked(master, self._console_socket)
        if self.terminal is not None:
            self._undo.callback(self.terminal.close)

    def _remember(self, pid: int) -> None:
        """Before its first instruction, so that whoever kills us now leaves a container that can be found."""
        self.process = ProcessHandle(pid, Fd(os.pidfd_open(pid)))
        self._undo.callback(self._end, self.process)
        self._beginning.heard = True  # before anybody can see it run
        told = identity(pid, self.process.pidfd.fileno())
        self.state = replace(self.state, status="running", pid=pid, identity=told)
        self._directory.write(self.state)

    @staticmethod
    def _end(process: ProcessHandle) -> None:
        with suppress(NotFound, ProcessLookupError):
            process.end()
        process.close()
