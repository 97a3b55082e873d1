"""A further process in a container: its worker is born in the container's namespaces and cgroup."""

from __future__ import annotations

import os
import select
from contextlib import ExitStack, closing, suppress

from containerd_py.errors import Conflict, DeadlineExceeded, Forbidden, Unavailable
from containerd_py.light.dataclasses import replace
from containerd_py.runtime import console, process
from containerd_py.runtime.cgroups.layout import parse_membership
from containerd_py.runtime.cgroups.oom import oom_kills
from containerd_py.runtime.creation import Attachments, launch
from containerd_py.runtime.init import dialogue
from containerd_py.runtime.linux.fd import Fd
from containerd_py.runtime.linux.proc_text import read_text
from containerd_py.runtime.opened import Opened
from containerd_py.runtime.parent import hand_over_listener
from containerd_py.runtime.plan.compiler import Placing, compile_exec
from containerd_py.runtime.requirements import check_process
from containerd_py.runtime.seccomp.kept import filter_of
from containerd_py.runtime.spec.validate import validate_process
from containerd_py.runtime.streams import check_console_socket, hand_over_if_asked, preserved, preserved_up_to
from containerd_py.runtime.userns import setgroups_allowed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from containerd_py.runtime.beginning import Beginning
    from containerd_py.runtime.launcher import Worker
    from containerd_py.runtime.linux.pidfd import WaitStatus
    from containerd_py.runtime.plan.plan import Plan
    from containerd_py.runtime.spec.models import Spec
    from containerd_py.runtime.spec.process import Process
    from containerd_py.runtime.state import State


class Execution:
    """A further process, of which the caller is the parent."""

    def __init__(self, worker: Worker, terminal: Fd | None) -> None:
        self._worker = worker
        self._terminal = terminal
        self.pid = worker.pid

    def wait(self) -> WaitStatus:
        """Return how it ended. With a terminal, the caller's standard input and output are joined with it meanwhile."""
        if self._terminal is not None:
            console.proxy(self._terminal.fileno(), stdin=0, stdout=1, until=self._worker.pidfd.fileno())
            self._terminal.close()
            self._terminal = None
        return self._worker.reap()

    def kill(self, number: int) -> None:
        """Send it a signal. Raises Conflict where it has ended."""
        if self._worker.has_ended():
            raise Conflict(f"cannot kill process {self.pid}: it has ended", step="kill")
        self._worker.signal(number)

    def close(self) -> None:
        """Close what is open for it here; the process goes on."""
        self._worker.close()
        if self._terminal is not None:
            self._terminal.close()


def execute(
    state: State, spec: Spec, pidfd: int, document: Process, attachments: Attachments, beginning: Beginning
) -> Execution:
    """Run a process in the container whose payload is behind `pidfd`.

    Raises InvalidArgument, NotSupported, Unavailable, Conflict where the container ends meanwhile; then nothing runs.
    """
    try:
        return _execute(state, spec, pidfd, document, attachments, beginning)
    except (Unavailable, OSError) as problem:
        if not _is_ending(state.pid, pidfd):
            raise
        raise Conflict(
            f"cannot execute in container {state.id!r}: it ends at this moment (container not running)", step="exec"
        ) from problem


def _is_ending(pid: int, pidfd: int) -> bool:
    """Tell whether a process has ended, or is about to: then it has left its namespaces, and what is born there dies."""
    return not os.path.exists(f"/proc/{pid}/ns/mnt") or bool(select.select([pidfd], [], [], 0)[0])


def _execute(
    state: State, spec: Spec, pidfd: int, document: Process, attachments: Attachments, beginning: Beginning
) -> Execution:
    check_console_socket(attachments.console_socket, terminal=document.terminal)
    plan = _compile(state, spec, document, attachments)
    handles = {} if document.terminal else attachments.streams.handles()
    handles |= preserved(attachments.preserve_fds)
    kinds = tuple(namespace.type for namespace in spec.linux.namespaces)
    kills = oom_kills(state.cgroup)
    with Opened(plan, inside=(pidfd, kinds)) as opened:
        worker = _launch(plan, handles, state, opened)
    try:
        beginning.watch(worker.control)
        return Execution(worker, _run(plan, worker, spec, state, attachments.console_socket, kills, beginning))
    except BaseException:
        with closing(worker), suppress(DeadlineExceeded):  # the first error is the one to tell
            worker.end()
        raise


def _launch(plan: Plan, handles: dict[str, int], state: State, opened: Opened) -> Worker:
    try:
        return launch(plan, handles, state.cgroup, opened)
    except Forbidden as problem:
        own = parse_membership(read_text("/proc/self/cgroup")).get("", "")
        raise Forbidden(
            f"cannot execute in container {state.id!r}: the kernel lets nobody who is in cgroup {own!r} have a process in "
            f"{state.cgroup.v2!r}, as user {os.geteuid()}",
            step=problem.step,
            errno=problem.errno,
            hint=problem.hint,
        ) from problem


def _compile(state: State, spec: Spec, document: Process, attachments: Attachments) -> Plan:
    drop_groups = setgroups_allowed(state.pid)
    validate_process(document)
    check_process(document, may_drop_groups=drop_groups)
    placing = Placing(
        state.rootfs,
        state.id,
        len(state.cgroup.v1),
        preserved=preserved_up_to(attachments.preserve_fds),
        may_drop_groups=drop_groups,
        new_keyring=not state.kept.get("config", {}).get("no_new_keyring", False),
    )
    profile = spec.linux.seccomp
    return compile_exec(spec, document, placing, filter_of(profile) if profile else None)


def _run(
    plan: Plan,
    worker: Worker,
    spec: Spec,
    state: State,
    console_socket: str | None,
    kills_before: int,
    beginning: Beginning,
) -> Fd | None:
    """Have the worker become the program; return its terminal's master where nobody took it."""
    with ExitStack() as open_until_success:
        master: Fd | None = None
        while True:
            message, fds = dialogue.receive(worker.control)
            match message:
                case dialogue.Ready():
                    master = hand_over_if_asked(Fd(fds[0]), console_socket) if fds else None
                    if master is not None:
                        open_until_success.enter_context(master)
                    dialogue.send_start(worker.control)
                case dialogue.Listener():
                    hand_over_listener(spec, replace(state, pid=worker.pid), Fd(fds[0]))
                case dialogue.Times():
                    beginning.heard = True
                case dialogue.Failed():
                    raise process.failure(plan, message)
                case None if beginning.heard:
                    open_until_success.pop_all()
                    return master
                case _:
                    raise process.vanished(plan, worker.reap(), oom_kills=oom_kills(state.cgroup) - kills_before)
