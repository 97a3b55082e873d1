"""Having a worker become what is to be executed: forked inside of the container, given its plan, told to go on.

Where the plan is not needed to know where the worker is to be born, it is compiled while the spawner forks.
"""

from __future__ import annotations

from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING

from containerd_py.engine import stdio, worker
from containerd_py.engine.filters import filter_of
from containerd_py.engine.spawner import give_up
from containerd_py.engine.views import Status
from containerd_py.errors import Conflict
from containerd_py.runtime import host
from containerd_py.runtime.cgroups.manager import Placement
from containerd_py.runtime.launcher import open_dialogue
from containerd_py.runtime.linux.pidfd import identity
from containerd_py.runtime.opened import Opened
from containerd_py.runtime.plan.compiler import Placing, compile_exec
from containerd_py.runtime.plan.plan import Plan
from containerd_py.runtime.process import send_plan
from containerd_py.runtime.spec.process import Process
from containerd_py.runtime.userns import setgroups_allowed

if TYPE_CHECKING:
    from collections.abc import Callable

    from containerd_py.engine.containers import Container
    from containerd_py.engine.exec import Exec
    from containerd_py.engine.exec_records import ExecRecords
    from containerd_py.engine.parts import Parts
    from containerd_py.engine.stdio import Stdio
    from containerd_py.runtime.linux.fd import Fd
    from containerd_py.runtime.spec.models import Spec

_NOTHING = Plan((), ())


class ExecLaunching:
    """streams_of: makes the streams of an exec of their descriptors."""

    def __init__(self, parts: Parts, records: ExecRecords, streams_of: Callable[[Exec, dict[str, Fd]], Stdio]) -> None:
        self._parts = parts
        self._records = records
        self._streams_of = streams_of

    async def run(self, container: Container, started: Exec, spec: Spec) -> None:
        """Return once it is executed. Raises Conflict, the error of a step, OSError; what it has opened is the exec's."""
        pid, plan = await self._fork(container, started, spec)
        attendant = self._parts.attendant(container, pid)
        _ready, master = await worker.ready(started, plan, attendant)
        self._join_streams(started, master)
        known = identity(pid, started.pidfd.fileno()) if started.pidfd else ""
        # From here on recovery takes it that the worker may have been told.
        await self._records.remember(started, started.record.with_(pid=pid, identity=known, boot_id=host.boot_id()))
        container.check("execute in", Status.RUNNING)
        await worker.start(started, plan, attendant)

    async def _fork(self, container: Container, started: Exec, spec: Spec) -> tuple[int, Plan]:
        kinds = tuple(namespace.type for namespace in spec.linux.namespaces)
        # In a user namespace some of what the plan says is done before the worker is there.
        early = await compiled(container, started, spec) if "user" in kinds else None
        piped = not started.terminal and not started.record.detach
        ours, theirs = stdio.open_pipes(stdin=started.record.stdin) if piped else ({}, {})
        started.stdio = self._streams_of(started, ours) if ours else None
        with ExitStack() as passed:
            for fd in theirs.values():
                passed.enter_context(fd)
            placement = passed.enter_context(Placement(container.cgroup))
            container.check("execute in", Status.RUNNING)
            if container.pidfd is None:
                raise Conflict(f"cannot execute in {container.title}: it is ending", step="exec")
            opened = passed.enter_context(Opened(early or _NOTHING, inside=(container.pidfd.fileno(), kinds)))
            started.control, worker_end = open_dialogue()
            started.control.settimeout(0)
            passed.enter_context(worker_end)
            handles = {name: fd.fileno() for name, fd in theirs.items()}
            handles |= {f"cgroup{index}": fd.fileno() for index, fd in enumerate(placement.tasks)}
            directory = placement.directory.fileno() if placement.directory else None
            request = opened.fork_request(worker_end.fileno(), directory)
            spawning = self._parts.link.spawn(started.spawn_id, request, started.fds())
            try:
                started.plan = plan = early or await compiled(container, started, spec)
                with suppress(BrokenPipeError, ConnectionResetError):  # who hears it next is told how it has ended
                    send_plan(started.control, plan, handles)
                spawned = await spawning
            except BaseException:
                give_up(spawning)
                raise
        started.pid, started.pidfd = spawned.pid, spawned.pidfd
        container.check("execute in", Status.RUNNING)  # or nobody would end it, now that the container has
        return spawned.pid, plan

    def _join_streams(self, started: Exec, master: Fd | None) -> None:
        if master is not None:
            started.stdio = self._streams_of(started, stdio.open_terminal(master))
            self._parts.link.keep(started.spawn_id, started.stdio.numbers())
            if started.size is not None:
                started.stdio.resize(*started.size)
        if started.stdio is not None:
            started.stdio.start()


async def compiled(container: Container, one: Exec, spec: Spec) -> Plan:
    """Compile the Plan of what is to be executed."""
    placing = Placing(
        spec.root.path,
        container.id,
        len(container.cgroup.v1),
        may_drop_groups=setgroups_allowed(container.record.pid or 0),
    )
    process = Process.parse(one.record.process, what="the process")
    return compile_exec(spec, process, placing, await filter_of(spec.linux.seccomp))
