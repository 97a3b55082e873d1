"""The daemon's figures in the text format of Prometheus."""

from __future__ import annotations

import asyncio
import math
from typing import TYPE_CHECKING

from aiohttp import web

from containerd_py import __version__
from containerd_py.api import requests

if TYPE_CHECKING:
    from collections.abc import Iterator

    from prometheus_client.core import Metric

    from containerd_py.engine.engine import Engine
    from containerd_py.engine.latencies import Latencies
    from containerd_py.engine.measurement import ContainerFigures, Measurement

_CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_OF_CONTAINERS = ("id", "name")


async def metrics(request: web.Request, engine: Engine) -> web.Response:
    requests.Query(request).done()
    body = await asyncio.to_thread(_text, await engine.measure())
    return web.Response(body=body, headers={"Content-Type": _CONTENT_TYPE})


def _text(measured: Measurement) -> bytes:
    from prometheus_client import CollectorRegistry, generate_latest  # by who asks for metrics only: it takes 50 ms

    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Collected(measured))
    return generate_latest(registry)


class _Collected:
    """What a registry asks for its families."""

    def __init__(self, measured: Measurement) -> None:
        self._measured = measured

    def collect(self) -> Iterator[Metric]:
        yield from _daemon(self._measured)
        yield from _happened(self._measured)
        yield from _containers(self._measured.containers)


def _daemon(measured: Measurement) -> Iterator[Metric]:
    from prometheus_client.core import GaugeMetricFamily, InfoMetricFamily

    yield InfoMetricFamily("pycontainerd_build", "What serves here.", {"version": __version__})
    gauges = {
        "pycontainerd_start_time_seconds": ("When the daemon began, since 1970.", measured.began_at_s),
        "pycontainerd_resident_memory_bytes": ("Resident memory of the daemon.", measured.resident_bytes),
        "pycontainerd_open_fds": ("Open descriptors of the daemon.", measured.open_fds),
        "pycontainerd_max_fds": ("How many descriptors it may have.", measured.most_fds),
        "pycontainerd_tasks": ("Tasks in its event loop.", measured.tasks),
    }
    if measured.spawner_resident_bytes is not None:
        told = "Resident memory of the spawner."
        gauges["pycontainerd_spawner_resident_memory_bytes"] = (told, measured.spawner_resident_bytes)
    for name, (text, value) in gauges.items():
        yield GaugeMetricFamily(name, text, value)
    yield _histogram("event_loop_lag", "How late the event loop came to what was due.", measured.loop_lag)
    told = "From asking the spawner for a worker to having it."
    yield _histogram("spawner_round_trip", told, measured.spawner_round_trips)


def _happened(measured: Measurement) -> Iterator[Metric]:
    from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

    statuses = GaugeMetricFamily("pycontainerd_containers", "Containers by status.", labels=("status",))
    for status, count in measured.statuses.items():
        statuses.add_metric((status,), count)
    events = CounterMetricFamily("pycontainerd_events", "Events by type; starts are container.started.", labels=("type",))
    for kind, count in measured.published.items():
        events.add_metric((kind,), count)
    told = "Operations that failed, by the kind of their error."
    failures = CounterMetricFamily("pycontainerd_operation_failures", told, labels=("operation", "kind"))
    for labels, count in measured.failures.items():
        failures.add_metric(labels, count)
    dropped = CounterMetricFamily("pycontainerd_events_dropped", "Events that slow subscribers missed.", measured.dropped)
    yield from (statuses, events, failures, dropped)


def _containers(containers: tuple[ContainerFigures, ...]) -> Iterator[Metric]:
    from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

    prefix, labels = "pycontainerd_container", _OF_CONTAINERS
    cpu = CounterMetricFamily(f"{prefix}_cpu_seconds", "CPU time used.", labels=labels)
    memory = GaugeMetricFamily(f"{prefix}_memory_bytes", "Memory used, with caches.", labels=labels)
    limit = GaugeMetricFamily(f"{prefix}_memory_limit_bytes", "Memory that may be used.", labels=labels)
    anon = GaugeMetricFamily(f"{prefix}_memory_anon_bytes", "Memory used that is of no file.", labels=labels)
    file = GaugeMetricFamily(f"{prefix}_memory_file_bytes", "Cache of files.", labels=labels)
    pids = GaugeMetricFamily(f"{prefix}_pids", "Processes and threads.", labels=labels)
    kills = CounterMetricFamily(f"{prefix}_oom_kills", "Processes killed for want of memory.", labels=labels)
    restarts = GaugeMetricFamily(f"{prefix}_restarts", "Starts by its restart policy in a row.", labels=labels)
    healthy = GaugeMetricFamily(f"{prefix}_healthy", "1: its health checks succeed; 0: not, or not yet.", labels=labels)
    for one in containers:
        key = (one.id, one.name)
        cpu.add_metric(key, one.cpu_s)
        memory.add_metric(key, one.memory_bytes)
        if one.memory_limit_bytes is not None:
            limit.add_metric(key, one.memory_limit_bytes)
        anon.add_metric(key, one.anon_bytes)
        file.add_metric(key, one.file_bytes)
        pids.add_metric(key, one.pids)
        kills.add_metric(key, one.oom_kills)
        restarts.add_metric(key, one.restarts)
        if one.healthy is not None:
            healthy.add_metric(key, one.healthy)
    yield from (cpu, memory, limit, anon, file, pids, kills, restarts, healthy)


def _histogram(name: str, text: str, latencies: Latencies) -> Metric:
    from prometheus_client.core import HistogramMetricFamily

    buckets = [("+Inf" if math.isinf(bound) else str(bound), float(count)) for bound, count in latencies.cumulative()]
    return HistogramMetricFamily(f"pycontainerd_{name}_seconds", text, buckets=buckets, sum_value=latencies.total_s)
