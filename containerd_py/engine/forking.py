"""Having a container's worker forked, with its streams, its control socket and its place in the cgroup."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

from containerd_py.engine import stdio
from containerd_py.engine.notify.listening import open_socket
from containerd_py.engine.own_thread import in_own_thread
from containerd_py.runtime import process
from containerd_py.runtime.launcher import open_dialogue
from containerd_py.runtime.linux.pidfd import identity
from containerd_py.runtime.opened import Opened

if TYPE_CHECKING:
    from containerd_py.engine.containers import Container
    from containerd_py.engine.lifecycle import Lifecycle
    from containerd_py.engine.parts import Parts
    from containerd_py.runtime.cgroups.manager import Placement
    from containerd_py.runtime.linux.fd import Fd
    from containerd_py.runtime.plan.plan import Plan


class Forking:
    def __init__(self, parts: Parts, lifecycle: Lifecycle) -> None:
        self._parts = parts
        self._lifecycle = lifecycle

    async def fork(self, container: Container, plan: Plan, placement: Placement) -> int:
        """Return the worker's pid; what is open for it is the container's. Raises Unavailable, and what opening raises."""
        terminal = bool(container.config.get("process", {}).get("terminal"))
        ours, theirs = ({}, {}) if terminal else stdio.open_pipes(stdin=container.record.stdin)
        container.stdio = self._lifecycle.streams_of(container, ours) if ours else None
        with ExitStack() as passed:
            for fd in theirs.values():
                passed.enter_context(fd)
            # Opening what a plain plan does not need takes no thread.
            opened = passed.enter_context(Opened(plan) if plan.simple else await in_own_thread(Opened, plan))
            if container.record.notify:
                container.notify = open_socket(self._parts.store.notify_directory(container.id))
            container.control, worker_end = open_dialogue()
            container.control.settimeout(0)
            passed.enter_context(worker_end)
            handles = {name: fd.fileno() for name, fd in theirs.items()}
            handles |= {f"cgroup{index}": fd.fileno() for index, fd in enumerate(placement.tasks)}
            directory = placement.directory.fileno() if placement.directory else None
            request = opened.fork_request(worker_end.fileno(), directory)
            if not plan.waits:
                process.send_plan(container.control, plan, handles | opened.handles)
            spawned = await self._parts.link.spawn(container.id, request, container.fds())
            container.pidfd = spawned.pidfd
            if plan.waits:
                await in_own_thread(opened.meet, spawned.pid, spawned.pidfd.fileno())
                process.send_plan(container.control, plan, handles | opened.handles)
        return spawned.pid

    def keep_streams(self, container: Container, master: Fd | None) -> None:
        """Have the spawner keep the terminal too, by its master, where the worker has made one."""
        if master is not None:
            container.stdio = self._lifecycle.streams_of(container, stdio.open_terminal(master))
            self._parts.link.keep(container.id, container.stdio.numbers())


def identity_of(container: Container, pid: int) -> str:
    return identity(pid, container.pidfd.fileno()) if container.pidfd else ""
