"""What the daemon measures of itself and of its containers, kept by each engine for itself."""

from __future__ import annotations

import asyncio
import os
import resource
import time
from collections import Counter
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeVar

from containerd_py.engine.latencies import Latencies
from containerd_py.engine.measurement import ContainerFigures, Measurement
from containerd_py.engine.scope import scope
from containerd_py.engine.views import EngineInfo, Status
from containerd_py.errors import ContainerdError
from containerd_py.runtime.cgroups import stats

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from containerd_py.engine.containers import Container
    from containerd_py.engine.parts import Parts
    from containerd_py.runtime.cgroups.stats import Stats

Result = TypeVar("Result")

_LOOK_S = 5.0
_OURS = "internal"


class SelfMeasuring:
    """`begin` before use; `close` ends its timer."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._failures: Counter[tuple[str, str]] = Counter()
        self._lag = Latencies()
        self._began_at_s = time.time()
        self._timer: asyncio.TimerHandle | None = None

    def begin(self) -> None:
        loop = asyncio.get_running_loop()
        self._timer = loop.call_at(loop.time() + _LOOK_S, self._look, loop.time() + _LOOK_S)

    def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _look(self, due: float) -> None:
        self._lag.note(max(0.0, asyncio.get_running_loop().time() - due))
        self.begin()

    async def counted(self, work: Coroutine[Any, Any, Result], operation: str) -> Result:
        """Do it, and count its failure."""
        try:
            return await work
        except Exception as problem:
            kind = problem.kind if isinstance(problem, ContainerdError) else _OURS
            self._failures[operation, kind] += 1
            raise

    def info(self) -> EngineInfo:
        seen, parts = scope(), self._parts
        counts = Counter(one.status for one in parts.registry if seen.shows(one.record.labels))
        spawner = parts.link.pid
        return EngineInfo(
            containers={status: counts[status] for status in Status},
            state_dir=parts.state_dir,
            data_dir=parts.data_dir,
            cgroup_driver=parts.drivers.current.name,
            cgroup_controllers=parts.host.cgroups.controllers(),
            cgroup_parent=parts.drivers.current.parent,
            features=parts.host.flags(),
            daemon_pid=os.getpid(),
            spawner_pid=spawner,
            daemon_rss_bytes=resident_bytes(os.getpid()) or 0,
            spawner_rss_bytes=resident_bytes(spawner) if spawner else None,
        )

    async def measure(self) -> Measurement:
        """Files of cgroups are read in a thread: the kernel may take its time to sum them up."""
        registry, spawner = self._parts.registry, self._parts.link.pid
        seen = scope()
        shown = [container for container in registry if seen.shows(container.record.labels)]
        alive = [container for container in shown if container.alive]
        used = await asyncio.to_thread(lambda: [_used(container) for container in alive])
        statuses = Counter(container.status for container in shown)
        figures = (
            _figures(container, found)
            for container, found in zip(alive, used, strict=True)
            if found is not None and container.alive  # what has ended meanwhile has no figures any more
        )
        return Measurement(
            statuses={status.value: statuses[status] for status in Status},
            containers=tuple(figures),
            published=dict(self._parts.events.published),
            failures=dict(self._failures),
            dropped=self._parts.events.dropped,
            loop_lag=self._lag,
            spawner_round_trips=self._parts.link.round_trips,
            resident_bytes=resident_bytes(os.getpid()) or 0,
            spawner_resident_bytes=resident_bytes(spawner) if spawner else None,
            open_fds=len(os.listdir("/proc/self/fd")) - 1,  # less the one of the listing itself
            most_fds=resource.getrlimit(resource.RLIMIT_NOFILE)[0],
            tasks=len(asyncio.all_tasks()),
            began_at_s=self._began_at_s,
        )


def _used(container: Container) -> Stats | None:
    with suppress(OSError):
        return stats.collect(container.cgroup)
    return None


def _figures(container: Container, used: Stats) -> ContainerFigures:
    return ContainerFigures(
        id=container.id,
        name=container.name,
        cpu_s=used.cpu.usage_ns / 1e9,
        memory_bytes=used.memory.usage.usage,
        memory_limit_bytes=used.memory.usage.limit,
        anon_bytes=used.memory.anon,
        file_bytes=used.memory.file,
        pids=used.pids.current,
        oom_kills=used.memory.oom_kills,
        restarts=container.record.restart_count,
        healthy=None if container.record.health_state is None else container.record.health_state.status == "healthy",
    )


def resident_bytes(pid: int) -> int | None:
    """None where there is no such process."""
    try:
        with open(f"/proc/{pid}/statm", encoding="ascii") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return None
