"""Measuring containers, once or again and again. The files are read in a thread; no container is asked anything."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from containerd_py.engine.changes import Changes
from containerd_py.engine.figures import Figures, Round
from containerd_py.engine.labels import carries_all
from containerd_py.engine.process_listing import ProcessListing
from containerd_py.engine.scope import scope
from containerd_py.engine.views import Status
from containerd_py.runtime.cgroups.stats import collect

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Iterable

    from containerd_py.engine.containers import Container
    from containerd_py.engine.parts import Parts
    from containerd_py.engine.processes import Process
    from containerd_py.engine.runs import Run
    from containerd_py.runtime.cgroups.manager import Cgroup
    from containerd_py.runtime.cgroups.stats import Stats

_MEASURABLE = (Status.CREATED, Status.RUNNING, Status.PAUSED)


class Measuring:
    """find: a container by reference and action, as `Engine` does. `close` ends every stream."""

    def __init__(self, parts: Parts, find: Callable[[str, str], Container]) -> None:
        self._parts = parts
        self._find = find
        self._changes = Changes()
        self._closed = False
        self._listing = ProcessListing()

    def close(self) -> None:
        self._closed = True
        self._changes.announce()

    def stats(self, reference: str, *, interval_s: float | None) -> AsyncGenerator[Figures, None]:
        """Yield what a container uses; with an interval until it ends. Raises NotFound, Conflict at once."""
        container = self._find(reference, "measure")
        container.check("measure", *_MEASURABLE)
        return self._one(container, interval_s=interval_s)

    def all_stats(
        self, references: tuple[str, ...], labels: tuple[str, ...], *, interval_s: float | None
    ) -> AsyncGenerator[Round, None]:
        """Yield what containers use, all that live unless some are named. Raises NotFound at once."""
        ids = {self._find(reference, "measure").id for reference in references}
        labels += scope().labels

        def wanted(container: Container) -> bool:
            return (not ids or container.id in ids) and carries_all(container.record.labels, labels)

        return self._all(wanted, interval_s=interval_s)

    async def processes(self, reference: str) -> tuple[Process, ...]:
        """Raises NotFound, Conflict where it has ended."""
        container = self._find(reference, "list processes of")
        container.check("measure", *_MEASURABLE)
        return await self._listing.of(container.id, container.cgroup)

    async def _one(self, container: Container, *, interval_s: float | None) -> AsyncGenerator[Figures, None]:
        """Yield what it uses; with an interval again and again, to the end of the run that there is now."""
        run, series = container.run, Series()
        while run.exit is None and not container.deleted and not self._closed:
            begun = time.monotonic()
            for figures in (await series.measure((container,))).containers:
                yield figures
            if interval_s is None:
                return
            await self._pause(begun + interval_s, container.changes, lambda: run.exit is not None)

    async def _all(self, wanted: Callable[[Container], bool], *, interval_s: float | None) -> AsyncGenerator[Round, None]:
        """Yield what all those use that live; with an interval again and again, until the engine closes."""
        series = Series()
        while not self._closed:
            begun = time.monotonic()
            living = [one for one in self._parts.registry if one.status in _MEASURABLE and wanted(one)]
            yield await series.measure(sorted(living, key=lambda one: one.record.created_at))
            if interval_s is None:
                return
            await self._pause(begun + interval_s, self._changes, lambda: False)

    async def _pause(self, until: float, changes: Changes, ended: Callable[[], bool]) -> None:
        """Wait until then, or until it has ended."""
        while not ended() and not self._closed:
            left_s = until - time.monotonic()
            if left_s <= 0:
                return
            try:
                async with asyncio.timeout(left_s):
                    await changes.wait()
            except TimeoutError:
                return


class Series:
    """Measurements one after the other: what was used in between is a part of the next one."""

    def __init__(self) -> None:
        self._before: dict[str, tuple[Run, int, int]] = {}

    async def measure(self, containers: Iterable[Container]) -> Round:
        among = tuple(containers)
        runs = tuple(container.run for container in among)
        measured = await asyncio.to_thread(_collect, tuple(container.cgroup for container in among))
        now = datetime.now(UTC)
        before, self._before = self._before, {}
        found = []
        for container, run, (stats, at_ns) in zip(among, runs, measured, strict=True):
            self._before[container.id] = (run, stats.cpu.usage_ns, at_ns)
            percent = _percent(before.get(container.id), run, stats, at_ns)
            found.append(Figures(container.id, container.name, now, stats, percent))
        return Round(now, tuple(found))


def _collect(cgroups: tuple[Cgroup, ...]) -> tuple[tuple[Stats, int], ...]:
    """Blocking. Each with the moment of its measurement, on the monotonic clock."""
    return tuple((collect(cgroup), time.monotonic_ns()) for cgroup in cgroups)


def _percent(before: tuple[Run, int, int] | None, run: Run, stats: Stats, at_ns: int) -> float | None:
    """Another run has another cgroup, whose counter began anew."""
    if before is None or before[0] is not run or at_ns <= before[2]:
        return None
    return max(0, stats.cpu.usage_ns - before[1]) / (at_ns - before[2]) * 100
