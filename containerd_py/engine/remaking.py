"""Making a new worker for a container that has stopped, from what is stored of it.

The record says `stopped` until the worker waits for start, and `created` from then on: whatever a daemon that dies on the
way leaves behind, the next one finds a container that can be started.
"""

from __future__ import annotations

import asyncio
import functools
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from containerd_py.engine import worker
from containerd_py.engine.containers import CREATED
from containerd_py.engine.creation import compiled, joined, refusal
from containerd_py.engine.forking import Forking, identity_of
from containerd_py.engine.runs import Run
from containerd_py.engine.tasks import made_whole
from containerd_py.errors import ContainerdError
from containerd_py.runtime import host
from containerd_py.runtime.cgroups.destroying import destroy
from containerd_py.runtime.cgroups.manager import Placement
from containerd_py.runtime.cgroups.places import entered
from containerd_py.runtime.provision import take_back
from containerd_py.runtime.spec.models import parse
from containerd_py.store.records import Timing

if TYPE_CHECKING:
    from containerd_py.engine.containers import Container
    from containerd_py.engine.lifecycle import Lifecycle
    from containerd_py.engine.parts import Parts
    from containerd_py.runtime.spec.models import Spec


class Remaking:
    def __init__(self, parts: Parts, lifecycle: Lifecycle) -> None:
        self._parts = parts
        self._lifecycle = lifecycle
        self._forking = Forking(parts, lifecycle)

    async def run(self, container: Container) -> None:
        """Have a worker wait for start in a stopped container. Its lock is held.

        Raises what creation raises; then it is stopped as before, and how it ended is still known.
        """
        await self._clear(container)
        try:
            await self._make(container)
        except BaseException as problem:
            await asyncio.shield(self._undo(container))
            if isinstance(problem, OSError):
                raise refusal("start", container, problem) from problem
            raise

    async def _clear(self, container: Container) -> None:
        """End what is left of the run before: streams, hooks, processes that have outlived the payload, its cgroup."""
        if not container.exit_recorded:  # or the spawner must not forget it
            await self._lifecycle.remember(container, container.record)
            container.exit_recorded = True
        if container.stdio is not None:
            container.stdio.drain()
        self._parts.link.forget(container.id)
        container.close()
        container.stdio, container.ended = None, None
        container.stopped_by, container.kills_elsewhere = None, 0
        if not container.poststop_told:
            container.poststop_told = True
            await self._parts.attendant(container, 0).tell("poststop", "stopped")
        await asyncio.to_thread(self._take_back, container)

    async def _make(self, container: Container) -> None:
        begun_ns = time.monotonic_ns()
        spec = parse(container.config)
        driver = self._parts.drivers.current
        where = driver.locate(spec, container.id)
        if where != container.cgroup:  # its limits were changed meanwhile, and need other hierarchies
            record = container.record.with_(cgroup_v2=where.v2, cgroups_v1=where.v1, scope=where.scope)
            await self._lifecycle.remember(container, record)
        placement = await made_whole(asyncio.to_thread(self._prepare, container, spec))
        prepared_ns = time.monotonic_ns()
        compiling = functools.partial(compiled, spec, container.id, container.cgroup, self._parts.host.cgroups)
        with placement:
            pid, plan = await self._forking.fork(container, spec, placement, compiling)
        container.plan = plan
        forked_ns = time.monotonic_ns()
        attendant = self._parts.attendant(container, pid)
        attendant.joining = driver.join(container, spec, pid)
        try:
            ready, master = await worker.ready(container, plan, attendant)
        finally:
            container.poststop_told = not attendant.hooked  # where hooks have begun, those for the end are owed again
        self._forking.keep_streams(container, master)
        steps = (("prepare", begun_ns, prepared_ns), ("fork", prepared_ns, forked_ns))
        record = container.next_record(
            CREATED,
            pid=pid,
            identity=identity_of(container, pid),
            boot_id=host.boot_id(),
            timing=Timing(arrived_ns=begun_ns, parent=steps, created_ns=ready.ended_ns),
            started_at=None,
            exit=None,
            previous_exit=container.record.exit,
            **joined(attendant),
        )
        await self._lifecycle.remember(container, record)
        container.run.next = container.run = Run()
        container.poststop_told = False
        if container.stdio is not None:
            container.stdio.start()

    def _prepare(self, container: Container, spec: Spec) -> Placement:
        """Blocking."""
        self._parts.drivers.current.make(spec, container.id, container.cgroup)
        return Placement(entered(container.cgroup, self._parts.host.cgroups))

    async def _undo(self, container: Container) -> None:
        """Its worker ends with its control socket, or is killed with its cgroup, which an empty one replaces next time."""
        self._parts.link.forget(container.id)
        container.close()
        container.stdio, container.plan = None, None
        with suppress(OSError, ContainerdError):  # the first failure is the one to be told
            await asyncio.to_thread(self._take_back, container)

    def _take_back(self, container: Container) -> None:
        """Blocking."""
        destroy(container.cgroup)
        if container.config.get("linux", {}).get("intelRdt") is not None:
            take_back(parse(container.config).linux, container.id)
