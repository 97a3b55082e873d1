"""When containers are checked, and what is done about it: a task for each run of a container that has a check."""

from __future__ import annotations

import asyncio
import signal
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import structlog

from containerd_py.engine.asking import asked_by
from containerd_py.engine.health.probes import Probes
from containerd_py.engine.health.verdict import after, starting
from containerd_py.engine.views import Status
from containerd_py.errors import ContainerdError
from containerd_py.store.records import HealthResult

if TYPE_CHECKING:
    from containerd_py.engine.containers import Container
    from containerd_py.engine.exec_lifecycle import ExecLifecycle
    from containerd_py.engine.health.probes import Outcome
    from containerd_py.engine.lifecycle import Lifecycle
    from containerd_py.engine.parts import Parts
    from containerd_py.engine.runs import Run
    from containerd_py.engine.supervision import Supervision
    from containerd_py.store.records import HealthCheck, HealthState

_log = structlog.get_logger()

_STARTING_S = 1.0
"""Within its start period one that is starting is looked at so often, if not more often."""

_CAUSE = "health"


class Health:
    """`begin` once all containers are back; `close` before their tasks are ended."""

    def __init__(self, parts: Parts, lifecycle: Lifecycle, supervision: Supervision, execs: ExecLifecycle) -> None:
        self._parts = parts
        self._lifecycle = lifecycle
        self._supervision = supervision
        self._probes = Probes(execs)
        self._watches: dict[str, tuple[Run, asyncio.Task[None]]] = {}
        self._active = False
        lifecycle.on_start.append(self._watch)
        lifecycle.on_end.append(self._ended)

    def begin(self) -> None:
        """Go on with what an earlier daemon has left: its findings are on record."""
        self._active = True
        for container in self._parts.registry:
            if container.status in (Status.RUNNING, Status.PAUSED):
                self._watch(container)

    def close(self) -> None:
        self._active = False
        for container_id in tuple(self._watches):
            self._forget(container_id)

    def _watch(self, container: Container) -> None:
        check = container.record.health
        self._forget(container.id)
        if check is None or not self._active:
            return
        with asked_by(None):  # whoever has asked for the start has not asked for what comes of checks
            watching = Watching(self, container, check).run()
            task = self._parts.tasks.start(watching, name=f"health {container.id}")
        self._watches[container.id] = container.run, task

    def _ended(self, container: Container) -> None:
        """Not where that run has been followed by another one already."""
        watch = self._watches.get(container.id)
        if watch is not None and watch[0].exit is not None:
            self._forget(container.id)

    def _forget(self, container_id: str) -> None:
        watch = self._watches.pop(container_id, None)
        if watch is not None:
            watch[1].cancel()

    async def ask(self, container: Container, check: HealthCheck) -> Outcome | None:
        return await self._probes.ask(container, check)

    async def note(self, container: Container, before: HealthState, now: HealthState) -> None:
        """Let everybody see a state. It is on record where it tells more than a further result. The lock is held."""
        record = container.record.with_(health_state=now)
        if (now.status, now.failing_streak) == (before.status, before.failing_streak):
            container.publish(record)
            return
        await self._lifecycle.remember_if_possible(container, record)
        if now.status != before.status:
            self._tell(container, now)

    def _tell(self, container: Container, now: HealthState) -> None:
        check = container.record.health
        action = {"on_failure": check.on_failure} if check is not None and now.status == "unhealthy" else {}
        self._parts.events.publish(
            *("container.health", container.id, container.name),
            status=now.status,
            failing_streak=str(now.failing_streak),
            **action,
        )

    def act(self, container: Container, check: HealthCheck) -> None:
        """Do what is to be done with one that is unhealthy: by a task of its own, which outlives the watch on this run."""
        self._parts.tasks.start(self._act(container, check), name=f"health action {container.id}")

    async def _act(self, container: Container, check: HealthCheck) -> None:
        try:
            if check.on_failure == "kill":
                self._lifecycle.kill(container, signal.SIGKILL, cause=_CAUSE)
            elif check.on_failure == "restart":
                await self._supervision.restart(container, None, None, cause=_CAUSE)
            else:
                await self._supervision.stop(container, None, None)
        except ContainerdError as problem:
            _log.warning("cannot act on bad health", container=container.id, action=check.on_failure, error=problem.message)
            if container.status in (Status.RUNNING, Status.PAUSED):
                self._watch(container)  # and try again at the next failure


class Watching:
    """The checks of one run."""

    def __init__(self, health: Health, container: Container, check: HealthCheck) -> None:
        self._health = health
        self._container = container
        self._check = check
        self._run = container.run
        self._grace_ends = asyncio.get_running_loop().time() + _grace_s(container, check)

    async def run(self) -> None:
        """Return at the end of the run, or once something is done about it."""
        while self._run.exit is None:
            await asyncio.sleep(self._pause_s())
            while self._container.status is Status.PAUSED:
                await self._container.changes.wait()
            if not self._goes_on():
                return
            result = await self._look()
            if result is not None and await self._conclude(result):
                self._health.act(self._container, self._check)
                return

    def _goes_on(self) -> bool:
        container = self._container
        return container.run is self._run and container.status is Status.RUNNING and not container.deleted

    async def _look(self) -> HealthResult | None:
        """Return what a check has found, None where that does not count: while it went on the container was paused, ..."""
        pauses, started_at, started = self._container.pauses, datetime.now(UTC), time.monotonic()
        try:
            outcome = await self._health.ask(self._container, self._check)
        except ContainerdError as problem:  # such as a program that does not even die
            _log.warning("cannot end a health check", container=self._container.id, error=problem.message)
            return None
        if outcome is None or self._container.pauses != pauses:
            return None
        duration_s = round(time.monotonic() - started, 6)
        return HealthResult(
            started_at=started_at, duration_s=duration_s, exit_code=outcome.exit_code, output=outcome.output
        )

    async def _conclude(self, result: HealthResult) -> bool:
        """Put a result on record; tell whether something is to be done."""
        async with self._container.lock:
            before = self._container.record.health_state or starting(self._check)
            if before is None or not self._goes_on():
                return False
            now = after(before, self._check, result, in_start_period=self._in_start_period())
            await self._health.note(self._container, before, now)
        failed = result.exit_code != 0 and now.status == "unhealthy"
        ending = self._container.stop_asked  # one that goes down is not well, and not to be started again for that
        return failed and self._check.on_failure != "none" and not ending

    def _in_start_period(self) -> bool:
        return asyncio.get_running_loop().time() < self._grace_ends

    def _pause_s(self) -> float:
        state = self._container.record.health_state
        if self._in_start_period() and (state is None or state.status == "starting"):
            return min(self._check.interval_s, _STARTING_S)
        return self._check.interval_s


def _grace_s(container: Container, check: HealthCheck) -> float:
    """Return what is left of the start period, which may have begun under an earlier daemon; all where that is unknown."""
    return max(0.0, check.start_period_s - (container.running_s() or 0.0))
