"""The facade: what a caller of the engine can do. Built by the daemon's composition root; knows no HTTP."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeVar

import structlog

from containerd_py.engine import directories
from containerd_py.engine.archives import Archives
from containerd_py.engine.composition import EngineSettings, UseCases, make_parts
from containerd_py.engine.examination import examine
from containerd_py.engine.exec import SEPARATOR
from containerd_py.engine.execs import Execs
from containerd_py.engine.interregnum import Interregnum
from containerd_py.engine.listing import Listing, select
from containerd_py.engine.measuring import Measuring
from containerd_py.engine.once import Once, key_for
from containerd_py.engine.operations import Operations
from containerd_py.engine.own_thread import in_own_thread
from containerd_py.engine.pruning import prune
from containerd_py.engine.pulse import USUAL_S
from containerd_py.engine.scope import check_update, scope
from containerd_py.engine.selection import ContainerFilter
from containerd_py.engine.streaming import Streams
from containerd_py.engine.timeline import timeline_of
from containerd_py.engine.waiting import Known, Waiting
from containerd_py.errors import ContainerdError, InvalidArgument, NotFound, Unavailable
from containerd_py.light.dataclasses import replace
from containerd_py.runtime.cgroups.members import pids
from containerd_py.runtime.seccomp.compile import default_filter

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Coroutine

    from containerd_py.engine.containers import Container
    from containerd_py.engine.examination import Checked
    from containerd_py.engine.fd_store import FdStore
    from containerd_py.engine.measurement import Measurement
    from containerd_py.engine.operations import Action
    from containerd_py.engine.selection import Selection
    from containerd_py.engine.views import (
        ContainerSummary,
        ContainerView,
        Declared,
        EngineInfo,
        Event,
        Exit,
        Explanation,
        Pruned,
        ShutDown,
        TimedStep,
    )
    from containerd_py.engine.waiting import Condition
    from containerd_py.runtime.cgroups.layout import Layout
    from containerd_py.runtime.linux.fd import Fd
    from containerd_py.runtime.linux.pidfd import WaitStatus
    from containerd_py.wire import CreateRequest, UpdateRequest

_log = structlog.get_logger()
Result = TypeVar("Result")

_DRAIN_S = 3.0
_RESPAWN_PAUSE_S = 0.2


class Engine:
    """All containers of one state directory. `start` before use; `close` leaves running containers alone."""

    def __init__(self, settings: EngineSettings, fd_store: FdStore | None = None) -> None:
        self._settings = settings
        self._locks: list[Fd] = []
        self._closing = False
        self._parts = make_parts(settings, fd_store, on_exit=self._exited, on_lost=self._spawner_lost)
        self._use = UseCases(self._parts, settings)
        self._interregnum = Interregnum(self._exited)
        self._once: Once[Container] = Once("container")
        counted = self._use.self_measuring.counted
        self.execs = Execs(self._parts, self._use.execs, self._find, closing=self._is_closing, counted=counted)
        """What can be done with processes that are executed in containers."""
        self.archives = Archives(self._parts, self._find, closing=self._is_closing)
        """Files of containers."""
        self.streams = Streams(self._parts, self._find, self.kill, closing=self._is_closing)
        """Output, input and terminals of containers."""
        self.measuring = Measuring(self._parts, self._find)
        """What containers use, and their processes."""
        self.operations = Operations(self._parts.tasks, self._parts.events)
        """Actions that may take long: those under way, and the last ones that have ended."""

    async def start(self, *, shutting_down: bool = False) -> None:
        """Take the state directory and bring back what is in it. Raises Unavailable where another daemon has it.

        shutting_down: nothing is to be started.
        """
        self._locks = directories.take(self._settings.state_dir, self._settings.data_dir)
        self._parts.store.prepare()
        self._parts.reserve.fill()
        await asyncio.to_thread(self._parts.events.restore)
        await self._parts.removed.restore(self._parts.undeleted)
        await self._parts.drivers.choose()
        warming = asyncio.get_running_loop().run_in_executor(None, default_filter)
        await self._use.recovery.run()
        await self._use.begin(shutting_down=shutting_down)
        await warming

    async def close(self) -> None:
        """End what runs for clients. Containers go on; without any, the spawner ends too and nothing is left."""
        self.stop_streams()
        self._use.close()
        self._interregnum.end()
        self._parts.removed.close()
        await self._parts.tasks.close(deadline_s=_DRAIN_S)
        self._parts.journal.close()
        alive = self.execs.alive() or any(
            container.alive or not container.exit_recorded for container in self._parts.registry
        )
        await self._parts.link.close(end=not alive)
        self.execs.close()
        for container in self._parts.registry:
            container.leave()
        await self._parts.drivers.close(used=alive)
        self._parts.reserve.close()
        for lock in self._locks:
            lock.close()

    def reconcile(self) -> None:
        """Bring about what is declared, in the background: `declared` tells what has come of it."""
        if not self._use.supervision.held:
            self._use.declaring.begin()

    def declared(self) -> Declared:
        """Return what has come of the directory of declared containers."""
        return self._use.declaring.view()

    def begin_pulse(self, beat: Callable[[], None], pause_s: float = USUAL_S) -> None:
        """Look after the spawner from now on; call `beat` each time that all is well."""
        self._use.pulse.begin(beat, pause_s)

    def stop_streams(self) -> None:
        """End every stream to a client and take no further requests."""
        self._closing = True
        self.operations.close()
        self.measuring.close()
        self._parts.events.close()
        self._parts.journal.stop()
        for container in self._parts.registry:
            container.changes.announce()
            container.log.changes.announce()
        self.execs.stop_streams()

    def waits_for(self, pid: int) -> bool:
        """True for the process of a container whose end is still to be noted, and for the spawner."""
        return (
            self._parts.link.reaps(pid)
            or any(container.alive and container.record.pid == pid for container in self._parts.registry)
            or self.execs.waits_for(pid)
        )

    # ── containers ──

    async def create(
        self, request: CreateRequest, *, arrived_ns: int | None = None, key: str | None = None
    ) -> ContainerSummary:
        """Make a container that waits for `start`; with a key once, whoever asks again.

        Raises InvalidArgument, NotSupported, Conflict, Unavailable, OutOfSpace.
        """
        self._use.supervision.check("create container")
        arrived_ns, chosen = arrived_ns or time.monotonic_ns(), key_for(key, request)

        def make() -> asyncio.Task[Container]:
            making = self._use.creation.create(request, arrived_ns=arrived_ns, key=chosen)
            return self._parts.tasks.start(self._use.self_measuring.counted(making, "create"), name="create", quiet=True)

        if chosen is not None:  # who loses the answer asks again
            seen = scope()
            there = ((one.record.key, one) for one in self._parts.registry if seen.shows(one.record.labels))
            return (await self._once.made(chosen, there, make)).summary()
        task = make()
        try:
            return (await asyncio.shield(task)).summary()
        except asyncio.CancelledError:  # nobody will ever know its id
            self._parts.tasks.start(self._discard(task), name="discard")
            raise

    async def _discard(self, making: asyncio.Task[Container]) -> None:
        with suppress(ContainerdError):
            await self._use.supervision.delete(await making, force=True)

    async def _finish(self, work: Coroutine[Any, Any, Result], name: str) -> Result:
        """Do it to its end, whether the one who asked is still there or not."""
        return await asyncio.shield(
            self._parts.tasks.start(self._use.self_measuring.counted(work, name), name=name, quiet=True)
        )

    async def _operate(self, action: Action, container: Container | None, work: Coroutine[Any, Any, Result]) -> Result:
        """As `_finish`, for what may take long: it can be followed and waited for by others."""
        return await self.operations.run(action, container, self._use.self_measuring.counted(work, action))

    async def explain(self, request: CreateRequest) -> Explanation:
        """Return what `create` and `start` would do, without doing it."""
        return await self._use.creation.explain(request)

    def list(self, listing: Listing = Listing()) -> tuple[ContainerSummary, ...]:  # noqa: B008 - it is frozen
        """Return containers, all and the oldest first unless told otherwise. Raises NotFound for what bounds the list."""
        since, before = (
            None if reference is None else self._find(reference, "list from").id
            for reference in (listing.since, listing.before)
        )
        summaries = [container.summary() for container in self._parts.registry]
        labels = listing.labels + scope().labels
        return select(summaries, replace(listing, since=since, before=before, labels=labels))

    def get(self, reference: str) -> ContainerView:
        """Raises NotFound."""
        container = self._find(reference, "inspect")
        return replace(container.view(), pids=pids(container.cgroup) if container.alive else ())

    async def start_container(self, reference: str) -> None:
        """Raises NotFound, Conflict, InvalidArgument."""
        container = self._find(reference, "start")
        await self._operate("start", container, self._use.supervision.start(container))

    async def restart(self, reference: str, *, number: int | None = None, timeout_s: float | None = None) -> None:
        """Raises NotFound, Conflict, DeadlineExceeded, InvalidArgument."""
        container = self._find(reference, "restart")
        await self._operate("restart", container, self._use.supervision.restart(container, number, timeout_s))

    async def kill(self, reference: str, number: int) -> None:
        """Raises NotFound, Conflict."""
        await self._finish(self._use.supervision.kill(self._find(reference, "kill"), number), "kill")

    async def pause(self, reference: str) -> None:
        """Raises NotFound, Conflict, NotSupported, Unavailable where a process does not stop."""
        await self._finish(self._use.lifecycle.pausing.pause(self._find(reference, "pause")), "pause")

    async def resume(self, reference: str) -> None:
        """Raises NotFound, Conflict."""
        await self._finish(self._use.lifecycle.pausing.resume(self._find(reference, "resume")), "resume")

    async def stop(self, reference: str, *, number: int | None = None, timeout_s: float | None = None) -> Exit:
        """Raises NotFound, Conflict, DeadlineExceeded."""
        container = self._find(reference, "stop")
        return await self._operate("stop", container, self._use.supervision.stop(container, number, timeout_s))

    def waiting(self, reference: str, condition: Condition) -> Waiting | Known:
        """Return what waits from now on; of one that was removed a short time ago its end is known. Raises NotFound."""
        try:
            return Waiting(self._find(reference, "wait for"), condition)
        except NotFound:
            removed = self._parts.removed.find(reference)
            if removed is None or not condition.holds_for_removed or removed.run.exit is None:
                raise
            return Known(removed.run.exit)

    async def rename(self, reference: str, name: str) -> None:
        """Raises NotFound, Conflict."""
        await self._finish(self._use.lifecycle.changing.rename(self._find(reference, "rename"), name), "rename")

    async def update(self, reference: str, asked: UpdateRequest) -> None:
        """Raises NotFound, InvalidArgument, NotSupported, Conflict."""
        check_update(asked)
        await self._finish(self._use.supervision.update(self._find(reference, "update"), asked), "update")

    async def prune(self, labels: tuple[str, ...] = ()) -> Pruned:
        """Remove containers that have stopped; labels: "K" or "K=V", all of which must hold."""
        return await self._operate("prune", None, prune(self._parts, self._use.supervision, labels + scope().labels))

    async def shut_down(self) -> ShutDown:
        """Stop all containers, the newest first, for the host shuts down. Nothing is started any more after that."""
        return await self._operate("shutdown", None, self._use.shutting_down.run())

    async def delete(self, reference: str, *, force: bool) -> None:
        """Raises NotFound, Conflict, DeadlineExceeded."""
        container = self._find(reference, "delete")
        await self._operate("delete", container, self._use.supervision.delete(container, force=force))

    async def timeline(self, reference: str) -> tuple[TimedStep, ...]:
        """Raises NotFound."""
        return await timeline_of(self._find(reference, "time"), self._parts.host.cgroups)

    # ── events ──

    async def events(self, selection: Selection, *, follow: bool) -> AsyncGenerator[Event, None]:
        """Yield the events of a selection, with `follow` until its end or until the engine closes."""
        selection = replace(selection, labels=selection.labels + scope().labels)
        async for event in self._parts.events.read(selection, follow=follow):
            yield event

    def container_filter(self, reference: str) -> ContainerFilter:
        """Return what finds the events of a container, also of one that is gone or still to come."""
        with suppress(NotFound, InvalidArgument):
            return ContainerFilter(reference, self._parts.registry.find(reference, "follow").id)
        return ContainerFilter(reference)

    # ── the engine itself ──

    @property
    def cgroup_layout(self) -> Layout:
        return self._parts.host.cgroups

    def info(self) -> EngineInfo:
        """Return what the daemon knows of itself and of its host, and how many containers there are by status."""
        return self._use.self_measuring.info()

    async def examine(self) -> tuple[Checked, ...]:
        """Return what this host can and cannot do."""
        return await in_own_thread(examine, self._parts, self._settings.state_dir, self.declared())

    async def measure(self) -> Measurement:
        """Return what the daemon and its containers use, and what has happened since it began."""
        return await self._use.self_measuring.measure()

    def _is_closing(self) -> bool:
        return self._closing

    def _find(self, reference: str, action: str) -> Container:
        if self._closing:
            raise Unavailable(f"cannot {action} container {reference!r}: the daemon is stopping", hint="try again")
        try:
            container = self._parts.registry.find(reference, action)
        except NotFound:
            self._parts.removed.tell(reference, action)
            raise
        if container.deleted:
            raise NotFound(f"cannot {action} container {reference!r}: it has been deleted", step="find")
        return container

    def _exited(self, container_id: str, status: WaitStatus) -> None:
        if SEPARATOR in container_id:
            self.execs.exited(container_id, status)
        else:
            self._use.lifecycle.exited(container_id, status)

    def _spawner_lost(self) -> None:
        if not self._closing:
            _log.error("spawner ended; starting another one")
            self._interregnum.begin(self._parts.registry)
            self._parts.tasks.start(self._respawn(), name="respawn")

    async def _respawn(self) -> None:
        while not self._closing:
            try:
                await self._use.handover.run()
            except (ContainerdError, OSError) as problem:
                _log.error("cannot replace spawner", error=str(problem))
                self._parts.link.abandon()
                await asyncio.sleep(_RESPAWN_PAUSE_S)
            else:
                if self._parts.link.pid is not None:  # else it is lost already
                    self._interregnum.end()
                return
