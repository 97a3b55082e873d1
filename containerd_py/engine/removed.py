"""Containers that are removed: output and exit can be read for a while yet, by id, within a bound of time and of size."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import structlog

from containerd_py.engine.containers import exit_of
from containerd_py.engine.output import OutputLog
from containerd_py.engine.runs import Run
from containerd_py.engine.scope import scope
from containerd_py.errors import NotFound
from containerd_py.light.dataclasses import dataclass
from containerd_py.store.removed import RemovedRecord

if TYPE_CHECKING:
    from collections.abc import Callable

    from containerd_py.engine.containers import Container
    from containerd_py.engine.tasks import Tasks
    from containerd_py.store.removed import RemovedStore

_log = structlog.get_logger()

_MOST = 1000


@dataclass(frozen=True)
class Keep:
    """How long, in seconds (0: nothing is kept), and how many bytes of output of all of them."""

    seconds: int = 60
    bytes: int = 64 << 20


class RemovedContainer:
    """name: of its directory. until: on the clock of the event loop."""

    def __init__(self, name: str, record: RemovedRecord, log: OutputLog, until: float) -> None:
        self.directory_name = name
        self.record = record
        self.log = log
        self.until = until
        self.run = Run()
        self.run.end(exit_of(record.exit), log.size)

    @property
    def id(self) -> str:
        return self.record.id

    @property
    def size(self) -> int:
        """Bytes of output that are kept."""
        return self.log.kept_bytes if self.record.has_log else 0

    @property
    def title(self) -> str:
        return f"container {self.record.name!r}"


class Removed:
    """`restore` before use, `close` at the end; what is kept then, the next daemon goes on with."""

    def __init__(self, store: RemovedStore, keep: Keep, tasks: Tasks) -> None:
        self._store = store
        self._keep = keep
        self._tasks = tasks
        self._kept: dict[str, RemovedContainer] = {}
        """By id, the oldest first."""
        self._bytes = 0
        self._timer: asyncio.TimerHandle | None = None

    async def restore(self, undeleted: Callable[[RemovedRecord], str | None]) -> None:
        """Bring back what an earlier daemon has kept. A record that cannot be read costs its output.

        undeleted: tells where the output of a container belongs whose deletion did not come to its end; None for others.
        """
        now, loop_now = datetime.now(UTC), asyncio.get_running_loop().time()
        self._store.prepare()
        for name, record in await asyncio.to_thread(lambda: list(self._store.load())):
            log = OutputLog(self._store.directory(name), lost=record.lost_output_bytes if record else 0)
            log.resume()
            log.close()
            place = None if record is None else undeleted(record)
            if place is not None:
                await asyncio.to_thread(self._give_back, name, log, place)
                continue
            if record is None:
                await asyncio.to_thread(self._erase, name, log)
                continue
            left_s = self._keep.seconds - (now - record.removed_at).total_seconds()
            until = loop_now + min(left_s, self._keep.seconds)  # a clock that was put back keeps nothing for longer
            older = self._kept.pop(record.id, None)
            self._hold(RemovedContainer(name, record, log, until))
            if older is not None:
                self._discard(older)
        self._sweep()

    def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def take(self, container: Container) -> RemovedContainer | None:
        """Blocking: take over the output of a container that is being removed. None where nothing is kept: it is gone."""
        if not self._keep.seconds or _never_ran(container):
            container.log.remove()
            return None
        record = _record(container, has_log=container.log.kept_bytes <= self._keep.bytes)
        # One that is tried again has its name: what was written before is written over.
        name = container.kept_as = container.kept_as or self._store.name_for(container.id)
        try:
            if record.has_log:
                container.log.move(self._store.directory(name))
            else:
                container.log.remove()
            self._store.save(name, record)
        except OSError as problem:  # a full disk must not keep anything from being removed (SECURITY R14)
            _log.warning("output of a removed container is not kept", container=container.id, error=problem.strerror)
            self._erase(name, container.log)
            return None
        return RemovedContainer(name, record, container.log, 0)

    def add(self, removed: RemovedContainer) -> None:
        """Let everybody find what was taken. An id that was used and removed before means the newer one from now on."""
        older = self._kept.pop(removed.id, None)
        removed.until = asyncio.get_running_loop().time() + self._keep.seconds
        self._hold(removed)
        if older is not None:
            self._discard(older)
        self._sweep()

    def find(self, reference: str) -> RemovedContainer | None:
        """Return one by its id, or the beginning of one that no other begins with. Names may be another's by now."""
        seen = scope()  # for the one who asks, others are not there
        found = self._kept.get(reference)
        if found is not None and seen.shows(found.record.labels):
            return found
        shown = [one for one in self._kept.values() if seen.shows(one.record.labels)]
        beginning = [one for one in shown if reference and one.id.startswith(reference)]
        return beginning[0] if len(beginning) == 1 else None

    def tell(self, reference: str, action: str) -> None:
        """Raises NotFound for one that was removed, with what can still be had of it; returns for what nobody knows."""
        if self.find(reference) is not None:
            raise NotFound(
                f"cannot {action} container {reference!r}: it has been deleted",
                step="find",
                hint="logs, attach and wait by its id show its output and how it ended for a while yet",
            )

    def _sweep(self) -> None:
        """Let go of what was kept long enough, and of the oldest where it is too much."""
        loop = asyncio.get_running_loop()
        for one in tuple(self._kept.values()):  # the oldest first
            if one.until > loop.time() and self._bytes <= self._keep.bytes and len(self._kept) <= _MOST:
                break
            self._discard(self._kept.pop(one.id))
        self.close()
        first = next(iter(self._kept.values()), None)
        self._timer = None if first is None else loop.call_at(first.until, self._sweep)

    def _hold(self, one: RemovedContainer) -> None:
        self._kept[one.id] = one
        self._bytes += one.size

    def _discard(self, one: RemovedContainer) -> None:
        self._bytes -= one.size
        erasing = asyncio.to_thread(self._erase, one.directory_name, one.log)
        self._tasks.start(erasing, name=f"erase {one.directory_name}")

    def _give_back(self, name: str, log: OutputLog, place: str) -> None:
        """Blocking. It will be taken again when that container is deleted again."""
        with suppress(OSError):
            self._store.forget(name)
            log.move(place)

    def _erase(self, name: str, log: OutputLog) -> None:
        """Blocking. Readers that have files open can finish."""
        with suppress(OSError):
            self._store.forget(name)
            log.remove()


def _never_ran(container: Container) -> bool:
    return container.record.started_at is None and container.record.previous_exit is None


def _record(container: Container, *, has_log: bool) -> RemovedRecord:
    record = container.record
    return RemovedRecord(
        id=record.id,
        name=record.name,
        removed_at=datetime.now(UTC),
        exit=record.exit,
        has_log=has_log and record.log_driver == "file",
        lost_output_bytes=container.log.lost,
        labels=record.labels,
    )
