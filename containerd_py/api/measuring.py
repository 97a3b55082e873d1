"""What containers use, as lines of JSON, and their processes."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, TypeVar

from containerd_py import wire
from containerd_py.api import requests, shown
from containerd_py.api.replies import Reply
from containerd_py.api.streams import begun, broken_off_by_errors, write_in_time
from containerd_py.errors import InvalidArgument

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable

    from aiohttp import web

    from containerd_py.engine import figures
    from containerd_py.engine.engine import Engine
    from containerd_py.engine.processes import Process

Measured = TypeVar("Measured")

_INTERVAL_S = 1.0
_SHORTEST_S, _LONGEST_S = 0.1, 3600.0


async def stats(request: web.Request, engine: Engine) -> web.StreamResponse:
    query = requests.Query(request)
    interval_s = _interval(query)
    query.done()
    measured = engine.stats(requests.reference(request), interval_s=interval_s)
    return await _stream(request, measured, stats_of)


async def all_stats(request: web.Request, engine: Engine) -> web.StreamResponse:
    query = requests.Query(request)
    interval_s = _interval(query)
    references, labels = query.texts("container"), query.texts("label")
    query.done()
    measured = engine.all_stats(references, labels, interval_s=interval_s)
    return await _stream(request, measured, _round)


async def top(request: web.Request, engine: Engine) -> Reply:
    requests.Query(request).done()
    found = await engine.processes(requests.reference(request))
    return Reply(200, wire.ProcessList(processes=tuple(map(_process, found))))


def _interval(query: requests.Query) -> float | None:
    """Return the seconds between two measurements; None for one."""
    follow = query.boolean("follow", default=False)
    seconds = query.seconds("interval", least=_SHORTEST_S, most=_LONGEST_S)
    if not follow:
        if seconds is not None:
            raise InvalidArgument("cannot read parameter 'interval': it needs follow=true", step="parse")
        return None
    return _INTERVAL_S if seconds is None else seconds


async def _stream(
    request: web.Request, measured: AsyncGenerator[Measured, None], shape: Callable[[Measured], wire.Wire]
) -> web.StreamResponse:
    response = await begun(request, "application/x-ndjson")
    async with broken_off_by_errors(request), contextlib.aclosing(measured):
        async for one in measured:
            await write_in_time(response, shape(one).model_dump_json().encode() + b"\n")
    await response.write_eof()
    return response


def _round(value: figures.Round) -> wire.StatsRound:
    return wire.StatsRound(time=shown.time(value.time), containers=tuple(map(stats_of, value.containers)))


def stats_of(value: figures.Figures) -> wire.Stats:
    cpu, memory, tasks = value.stats.cpu, value.stats.memory, value.stats.pids
    of_cpu, of_memory, of_io = (None if one is None else _pressure(one) for one in value.pressures)
    return wire.Stats(
        id=value.id,
        name=value.name,
        time=shown.time(value.time),
        cpu=wire.CpuStats(
            usage_ns=cpu.usage_ns,
            user_ns=cpu.user_ns,
            kernel_ns=cpu.kernel_ns,
            percent=value.cpu_percent,
            throttled_periods=cpu.throttled_periods,
            throttled_ns=cpu.throttled_ns,
            pressure=of_cpu,
        ),
        memory=wire.MemoryStats(
            usage_bytes=memory.usage.usage,
            limit_bytes=memory.usage.limit,
            peak_bytes=memory.usage.peak,
            working_set_bytes=value.working_set_bytes,
            anon_bytes=memory.anon,
            file_bytes=memory.file,
            kernel_bytes=memory.kernel.usage,
            swap_bytes=value.swap_bytes,
            oom_kills=memory.oom_kills,
            pressure=of_memory,
        ),
        pids=wire.PidsStats(current=tasks.current, limit=tasks.limit),
        io=wire.IoStats(
            read_bytes=value.transferred_bytes("Read"),
            write_bytes=value.transferred_bytes("Write"),
            reads=value.transfers("Read"),
            writes=value.transfers("Write"),
            pressure=of_io,
        ),
    )


def _pressure(value: figures.Pressure) -> wire.Pressure:
    return wire.Pressure(some=_stall(value.some), full=_stall(value.full))


def _stall(value: figures.Stall) -> wire.Stall:
    return wire.Stall(avg10=value.avg10, avg60=value.avg60, avg300=value.avg300, total_us=value.total_us)


def _process(value: Process) -> wire.Process:
    return wire.Process(
        pid=value.pid,
        container_pid=value.container_pid,
        parent_pid=value.parent_pid,
        user_id=value.user_id,
        state=value.state,
        name=value.name,
        args=value.args,
        threads=value.threads,
        cpu_ns=value.cpu_ns,
        rss_bytes=value.rss_bytes,
        started_at=shown.time(value.started_at),
    )
