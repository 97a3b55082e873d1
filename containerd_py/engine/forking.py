"""Having a container's worker forked, with its streams, its control socket and its place in the cgroup."""

from __future__ import annotations

from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING

from containerd_py.engine import stdio
from containerd_py.engine.notify.listening import open_socket
from containerd_py.engine.own_thread import in_own_thread
from containerd_py.engine.spawner import give_up
from containerd_py.runtime import process
from containerd_py.runtime.launcher import open_dialogue
from containerd_py.runtime.linux.pidfd import identity
from containerd_py.runtime.opened import Opened
from containerd_py.runtime.plan.compiler import birthplace
from containerd_py.runtime.spawner.request import ForkRequest

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from containerd_py.engine.containers import Container
    from containerd_py.engine.lifecycle import Lifecycle
    from containerd_py.engine.parts import Parts
    from containerd_py.runtime.cgroups.manager import Placement
    from containerd_py.runtime.linux.fd import Fd
    from containerd_py.runtime.plan.plan import Plan
    from containerd_py.runtime.spec.models import Spec


class Forking:
    def __init__(self, parts: Parts, lifecycle: Lifecycle) -> None:
        self._parts = parts
        self._lifecycle = lifecycle

    async def fork(
        self, container: Container, spec: Spec, placement: Placement, compiling: Callable[[], Awaitable[Plan]]
    ) -> tuple[int, Plan]:
        """Return the worker's pid and its plan; what is open for it is the container's. Raises Unavailable, and what
        compiling and opening raise.

        Where a plan is not needed to know where the worker is to be born, it is compiled while the spawner forks.
        """
        born = birthplace(spec)
        # What enters namespaces, or maps ids, is opened before the worker is there.
        plan = await compiling() if born.staged or "user" in born.namespaces else None
        terminal = bool(container.config.get("process", {}).get("terminal"))
        ours, theirs = ({}, {}) if terminal else stdio.open_pipes(stdin=container.record.stdin)
        container.stdio = self._lifecycle.streams_of(container, ours) if ours else None
        with ExitStack() as passed:
            for fd in theirs.values():
                passed.enter_context(fd)
            opened = None if plan is None else passed.enter_context(await _opened(plan))
            if container.record.notify:
                container.notify = open_socket(self._parts.store.notify_directory(container.id))
            container.control, worker_end = open_dialogue()
            container.control.settimeout(0)
            passed.enter_context(worker_end)
            handles = {name: fd.fileno() for name, fd in theirs.items()}
            handles |= {f"cgroup{index}": fd.fileno() for index, fd in enumerate(placement.tasks)}
            directory = placement.directory.fileno() if placement.directory else None
            if opened is None:
                request = ForkRequest(worker_end.fileno(), born.clone_flags(), directory)
            else:
                request = opened.fork_request(worker_end.fileno(), directory)
            spawning = self._parts.link.spawn(container.id, request, container.fds())
            try:
                plan = plan or await compiling()
                opened = opened or passed.enter_context(await _opened(plan))
                if not plan.waits:
                    _send(container, plan, handles | opened.handles)
                spawned = await spawning
            except BaseException:
                give_up(spawning)
                raise
            container.pidfd = spawned.pidfd
            if plan.waits:
                await in_own_thread(opened.meet, spawned.pid, spawned.pidfd.fileno())
                _send(container, plan, handles | opened.handles)
        return spawned.pid, plan

    def keep_streams(self, container: Container, master: Fd | None) -> None:
        """Have the spawner keep the terminal too, by its master, where the worker has made one."""
        if master is not None:
            container.stdio = self._lifecycle.streams_of(container, stdio.open_terminal(master))
            self._parts.link.keep(container.id, container.stdio.numbers())


async def _opened(plan: Plan) -> Opened:
    """Opening what a plain plan does not need takes no thread."""
    return Opened(plan) if plan.simple else await in_own_thread(Opened, plan)


def _send(container: Container, plan: Plan, handles: dict[str, int]) -> None:
    """A worker that has ended by now is told of by whoever hears it next, with how it ended."""
    assert container.control is not None  # noqa: S101 - it was made a moment ago
    with suppress(BrokenPipeError, ConnectionResetError):
        process.send_plan(container.control, plan, handles)


def identity_of(container: Container, pid: int) -> str:
    return identity(pid, container.pidfd.fileno()) if container.pidfd else ""
