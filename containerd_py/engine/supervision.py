"""Starting containers again: because somebody asks for it, or because their restart policy says so.

What is to be started is in the record (`next_start`) before anything is done for it, and stays there until it runs: so the
daemon that comes back goes on with it. A stop, a deletion and an ending signal take it out, before anything is done too.
"""

from __future__ import annotations

import asyncio
import signal
from collections import Counter
from contextlib import contextmanager
from typing import TYPE_CHECKING

import structlog

from containerd_py.engine.clock import now
from containerd_py.engine.remaking import Remaking
from containerd_py.engine.restart_policy import after_failed_attempt, left_s, planned_start
from containerd_py.engine.views import Status
from containerd_py.errors import Conflict, ContainerdError, OutOfSpace, Unavailable
from containerd_py.runtime import host
from containerd_py.signal_names import signal_number

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Literal

    from containerd_py.engine.attendant import Attendant
    from containerd_py.engine.containers import Container
    from containerd_py.engine.lifecycle import Lifecycle
    from containerd_py.engine.parts import Parts
    from containerd_py.engine.views import Exit
    from containerd_py.store.records import NextStart
    from containerd_py.wire import UpdateRequest

_log = structlog.get_logger()

_STOP_S = 10.0
_LOCK_S = 1.0
_ENDABLE = (Status.CREATED, Status.RUNNING, Status.PAUSED, Status.STOPPED)


class Supervision:
    """`begin` once all containers are back; `close` before their tasks are ended."""

    def __init__(self, parts: Parts, lifecycle: Lifecycle) -> None:
        self._parts = parts
        self._lifecycle = lifecycle
        self._remaking = Remaking(parts, lifecycle)
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._restarting: set[str] = set()
        self._remade: dict[str, asyncio.Task[None]] = {}
        """Workers that are being made for containers that have stopped."""
        self._ending: Counter[str] = Counter()
        """How many stops and deletions of a container are under way."""
        self._active = False
        self._held = False
        lifecycle.on_end.append(self._arm)

    async def begin(self) -> None:
        """Go on with what is on record as to be started."""
        self._active = True
        for container in self._parts.registry:
            if _meant_to_come_back(container):
                await self._lifecycle.remember_if_possible(container, container.record.with_(next_start=_now("policy")))
            if container.record.next_start is None:
                continue
            if container.status in (Status.RUNNING, Status.PAUSED):  # a restart was cut off before its end
                self._parts.tasks.start(self._go_on_with_restart(container), name=f"restart {container.id}")
            else:
                self._arm(container)

    def close(self) -> None:
        self._active = False
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()

    def hold(self) -> None:
        """Start nothing any more, neither by itself nor for somebody."""
        self._held = True
        self.close()

    @property
    def held(self) -> bool:
        return self._held

    def check(self, action: str) -> None:
        """Raises Unavailable where nothing is started any more. action: "start container 'web'"."""
        if self._held:
            raise Unavailable(
                f"cannot {action}: all containers are being stopped",
                step="shutdown",
                hint="the host shuts down; if it does not, restart the daemon",
            )

    # ── what is asked for ──

    async def start(self, container: Container) -> None:
        """Start one that is created or stopped. Raises Conflict, and what creation and start raise."""
        async with container.lock:
            self.check(f"start {container.title}")
            container.check("start", Status.CREATED, Status.STOPPED)
            if container.status is Status.STOPPED:
                await self._lifecycle.remember(container, container.record.with_(next_start=_now("request")))
            attendant = await self._start_for_somebody(container)
        await attendant.tell("poststart", "running")

    async def restart(
        self, container: Container, number: int | None, timeout_s: float | None, *, cause: str = "request"
    ) -> None:
        """Stop and start one whatever it does; number, timeout_s: as of `stop`. Raises Conflict, and what both raise."""
        self.check(f"restart {container.title}")
        container.check("restart", *_ENDABLE)
        async with container.lock:
            container.check("restart", *_ENDABLE)
            record = container.record.with_(next_start=_now("request"), stopped_on_request=False)
            await self._lifecycle.remember(container, record)
        self._parts.events.publish("container.restarting", container.id, container.name, cause=cause)
        self._restarting.add(container.id)
        try:
            if container.status in (Status.RUNNING, Status.PAUSED):
                await self._lifecycle.stop(container, *stop_by(container, number, timeout_s))
            async with container.lock:
                container.check("restart", Status.CREATED, Status.STOPPED)
                if container.record.next_start is None:
                    raise Conflict(f"cannot restart container {container.name!r}: it was stopped meanwhile", step="restart")
                attendant = await self._start_for_somebody(container)
        finally:
            self._restarting.discard(container.id)
        await attendant.tell("poststart", "running")

    async def stop(self, container: Container, number: int | None, timeout_s: float | None) -> Exit:
        """End one for good: nothing starts it again by itself. number: the signal; both None: as its record says."""
        container.check("stop", *_ENDABLE)
        with self._end(container):
            await self._let_be(container)
            return await self._lifecycle.stop(container, *stop_by(container, number, timeout_s))

    async def kill(self, container: Container, number: int) -> None:
        """Send a signal; one that is meant to end the container ends its policy too."""
        container.check("kill", Status.CREATED, Status.RUNNING, Status.PAUSED)
        if number in (signal.SIGKILL, stop_by(container, None, None)[0]):
            await self._let_be(container)
        self._lifecycle.kill(container, number)

    async def delete(self, container: Container, *, force: bool, keep: bool = True) -> None:
        """keep: as of `Lifecycle.delete`."""
        container.check("delete", *([*_ENDABLE] if force else [Status.CREATED, Status.STOPPED]))
        with self._end(container):
            await self._let_be(container)
            await self._lifecycle.delete(container, force=force, keep=keep)

    @contextmanager
    def _end(self, container: Container) -> Iterator[None]:
        self._ending[container.id] += 1
        try:
            yield
        finally:
            self._ending[container.id] -= 1
            self._ending += Counter()  # without those of which there is none any more

    async def update(self, container: Container, asked: UpdateRequest) -> None:
        """A policy that is given anew counts from now on, but not against a stop that is under way."""
        ending = container.id in self._ending
        await self._lifecycle.changing.update(container, asked, ending=ending)
        if asked.restart is not None and not ending:
            container.stop_asked = container.record.stopped_on_request
        if container.record.next_start is None:
            self._disarm(container.id)

    async def _let_be(self, container: Container) -> None:
        """Have nothing start it again. Neither a full disk nor a start that hangs keeps anybody from ending a container."""
        container.stop_asked = True
        self._disarm(container.id)
        if container.record.restart == "no" and container.record.next_start is None:
            return
        try:
            async with asyncio.timeout(_LOCK_S):
                await container.lock.acquire()
        except TimeoutError:
            remade = self._remade.get(container.id)
            if remade is None:
                return  # `stop_asked` tells, as long as this daemon lives
            container.stop_asked = True  # a start that had begun before has taken it back
            remade.cancel()  # its hooks, or its mounts, may hang for ever
            await container.lock.acquire()
        try:
            if not container.deleted:
                record = container.record.with_(next_start=None, stopped_on_request=True)
                await self._lifecycle.remember_if_possible(container, record)
        finally:
            container.lock.release()

    async def _start_for_somebody(self, container: Container) -> Attendant:
        """The lock is held. Where it fails nothing starts it by itself: who asked is told."""
        self._disarm(container.id)
        try:
            return await self._bring_up(container)
        except ContainerdError:
            if container.record.next_start is not None:
                await self._lifecycle.remember_if_possible(container, container.record.with_(next_start=None))
            self._lifecycle.tell_end(container)
            raise

    async def _bring_up(self, container: Container) -> Attendant:
        """The lock is held."""
        container.stop_asked = False
        if container.status is Status.STOPPED:
            await self._remake(container)
        return await self._lifecycle.start(container)

    async def _remake(self, container: Container) -> None:
        """Raises Conflict where it is stopped or removed meanwhile, besides what `Remaking.run` raises."""
        task = self._parts.tasks.start(self._remaking.run(container), name=f"remake {container.id}", quiet=True)
        self._remade[container.id] = task
        try:
            await task
        except asyncio.CancelledError:
            if not container.stop_asked or _is_cancelled():
                raise
            raise Conflict(f"cannot start container {container.name!r}: it was stopped meanwhile", step="start") from None
        finally:
            del self._remade[container.id]

    async def _go_on_with_restart(self, container: Container) -> None:
        try:
            await self.restart(container, None, None)
        except ContainerdError as problem:
            _log.warning("cannot restart container", container=container.id, error=problem.message)

    # ── what comes by itself ──

    def _arm(self, container: Container) -> None:
        """Start it when its record says so, if it does."""
        planned = container.record.next_start
        if planned is None or container.deleted or not self._active or container.id in self._restarting:
            return
        self._disarm(container.id)
        delay_s = left_s(planned, now())
        self._timers[container.id] = asyncio.get_running_loop().call_later(delay_s, self._fire, container)
        if planned.cause == "policy":
            restarts = str(container.record.restart_count + 1)
            self._parts.events.publish(
                *("container.restarting", container.id, container.name),
                cause=planned.cause,
                restart=restarts,
                delay_s=f"{delay_s:.3f}",
            )

    def _disarm(self, container_id: str) -> None:
        timer = self._timers.pop(container_id, None)
        if timer is not None:
            timer.cancel()

    def _fire(self, container: Container) -> None:
        self._timers.pop(container.id, None)
        self._parts.tasks.start(self._attempt(container), name=f"start {container.id} again")

    async def _attempt(self, container: Container) -> None:
        async with container.lock:
            if container.deleted or container.record.next_start is None or not self._active:
                return
            if container.status not in (Status.CREATED, Status.STOPPED):
                return
            try:
                attendant = await self._bring_up(container)
            except ContainerdError as problem:
                if not container.stop_asked:  # or whoever has asked for that puts it on record
                    await self._note_failure(container, problem)
                return
        await attendant.tell("poststart", "running")

    async def _note_failure(self, container: Container, problem: ContainerdError) -> None:
        """The lock is held. A spawner that has just died is not the container's fault, nor is a full disk."""
        _log.warning("cannot start container again", container=container.id, error=problem.message)
        self._parts.events.publish("container.restart_failed", container.id, container.name, error=problem.message)
        counted = not isinstance(problem, (Unavailable, OutOfSpace))
        changes = after_failed_attempt(container.record, now(), counted=counted)
        await self._lifecycle.remember_if_possible(container, container.record.with_(**changes))
        self._arm(container)


def stop_by(container: Container, number: int | None, timeout_s: float | None) -> tuple[int, float]:
    """Return the signal and the patience of a stop: as asked, else as of the container, else SIGTERM and 10 s."""
    record = container.record
    own = signal_number(record.stop_signal) if record.stop_signal else None
    patience_s = record.stop_timeout_s if timeout_s is None else timeout_s
    return number or own or signal.SIGTERM, _STOP_S if patience_s is None else patience_s


def _is_cancelled() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def _now(cause: Literal["policy", "request"]) -> NextStart:
    return planned_start(cause, now())


def _meant_to_come_back(container: Container) -> bool:
    """`always`: after a boot of the machine even where somebody had stopped it; a restart of the daemon changes nothing."""
    record = container.record
    rebooted = record.boot_id not in ("", host.boot_id())
    return container.status is Status.STOPPED and record.restart == "always" and record.stopped_on_request and rebooted
