"""Figures as people read them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from containerd_py.cli.output import age_text, command_text

if TYPE_CHECKING:
    import datetime
    from collections.abc import Iterator

    from containerd_py.wire import ProcessList, Stats, StatsRound

STATS_COLUMNS = ("ID", "NAME", "CPU %", "MEMORY", "LIMIT", "MEM %", "ANON", "FILE", "READ", "WRITTEN", "PIDS")
PROCESS_COLUMNS = ("PID", "IN", "PARENT", "UID", "STATE", "THREADS", "CPU", "RSS", "STARTED", "COMMAND")
_ID_LENGTH = 12
_UNITS = ("B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB")
_STEP = 1024
_NS = 10**9
_MINUTE_S = 60


def stats_rows(measured: StatsRound) -> Iterator[tuple[str, ...]]:
    yield from map(_stats_row, measured.containers)


def _stats_row(one: Stats) -> tuple[str, ...]:
    memory, limit = one.memory, one.memory.limit_bytes
    return (
        one.id[:_ID_LENGTH],
        one.name,
        "-" if one.cpu.percent is None else f"{one.cpu.percent:.1f}",
        size_text(memory.working_set_bytes),
        "-" if limit is None else size_text(limit),
        f"{memory.working_set_bytes / limit * 100:.1f}" if limit else "-",
        size_text(memory.anon_bytes),
        size_text(memory.file_bytes),
        size_text(one.io.read_bytes),
        size_text(one.io.write_bytes),
        f"{one.pids.current}" if one.pids.limit is None else f"{one.pids.current}/{one.pids.limit}",
    )


def process_rows(found: ProcessList, now: datetime.datetime) -> Iterator[tuple[str, ...]]:
    for one in found.processes:
        numbers = (one.pid, one.container_pid, one.parent_pid, one.user_id)
        yield (
            *map(str, numbers),
            one.state,
            str(one.threads),
            cpu_text(one.cpu_ns),
            size_text(one.rss_bytes),
            age_text(one.started_at, now),
            command_text(one.args),
        )


def size_text(size: int) -> str:
    """Return "512 B", "1.5 MiB"."""
    value, unit = float(size), 0
    while value >= _STEP and unit < len(_UNITS) - 1:
        value, unit = value / _STEP, unit + 1
    return f"{size} B" if unit == 0 else f"{value:.1f} {_UNITS[unit]}"


def cpu_text(used_ns: int) -> str:
    """Return minutes and seconds: "1:02.50"."""
    seconds = used_ns / _NS
    return f"{int(seconds // _MINUTE_S)}:{seconds % _MINUTE_S:05.2f}"
