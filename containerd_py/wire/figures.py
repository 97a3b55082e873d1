"""What containers use."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from containerd_py.wire.common import Strings, Wire


class Stall(Wire):
    """Percentages of the last 10, 60 and 300 seconds, and the total in microseconds."""

    avg10: float
    avg60: float
    avg300: float
    total_us: int


class Pressure(Wire):
    """some: at least one process waited; full: all did."""

    some: Stall
    full: Stall


class CpuStats(Wire):
    """percent: of one CPU, since the line before; null in the first."""

    usage_ns: int
    user_ns: int
    kernel_ns: int
    percent: float | None
    throttled_periods: int
    throttled_ns: int
    pressure: Pressure | None


class MemoryStats(Wire):
    usage_bytes: int
    limit_bytes: int | None
    peak_bytes: int
    working_set_bytes: int
    anon_bytes: int
    file_bytes: int
    kernel_bytes: int
    swap_bytes: int
    oom_kills: int
    pressure: Pressure | None


class PidsStats(Wire):
    current: int
    limit: int | None


class IoStats(Wire):
    read_bytes: int
    write_bytes: int
    reads: int
    writes: int
    pressure: Pressure | None


class Stats(Wire):
    """What one container uses; sums count from its start."""

    id: str
    name: str
    time: str
    cpu: CpuStats
    memory: MemoryStats
    pids: PidsStats
    io: IoStats


class StatsRound(Wire):
    """Measured together."""

    time: str
    containers: Annotated[tuple[Stats, ...], Field(strict=False)]


class Process(Wire):
    pid: int
    container_pid: int
    parent_pid: int
    user_id: int
    state: str
    name: str
    args: Strings
    threads: int
    cpu_ns: int
    rss_bytes: int
    started_at: str


class ProcessList(Wire):
    processes: Annotated[tuple[Process, ...], Field(strict=False)]
