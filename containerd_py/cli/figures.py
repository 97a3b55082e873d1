"""Figures as people read them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from containerd_py.cli.output import age_text, command_text

if TYPE_CHECKING:
    import datetime
    from collections.abc import Iterable, Iterator

    from containerd_py.wire import ContainerSummary, Process, ProcessList, Stats, StatsRound

STATS_COLUMNS = ("ID", "NAME", "CPU %", "MEMORY", "LIMIT", "MEM %", "ANON", "FILE", "READ", "WRITTEN", "PIDS")
PROCESS_COLUMNS = ("PID", "IN", "PARENT", "UID", "STATE", "THREADS", "CPU", "RSS", "STARTED", "COMMAND")
LIVE_COLUMNS = ("PID", "IN", "UID", "STATE", "THREADS", "CPU %", "CPU", "RSS", "COMMAND")
"""Fewer: with its command a line has room in 80 columns."""
_ID_LENGTH = 12
_UNITS = ("B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB")
_STEP = 1024
_NS = 10**9
_MINUTE_S = 60


def stats_rows(
    measured: StatsRound, idle: Iterable[ContainerSummary] = (), *, whole: bool = False
) -> Iterator[tuple[str, ...]]:
    """idle: containers that do not run, and have no figures; whole: ids are not cut."""
    length = None if whole else _ID_LENGTH
    for one in measured.containers:
        yield (one.id[:length], *_figures(one))
    for other in idle:
        yield (other.id[:length], other.name, *["-"] * (len(STATS_COLUMNS) - 2))


def _figures(one: Stats) -> tuple[str, ...]:
    memory, limit = one.memory, one.memory.limit_bytes
    return (
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
        yield _process_row(one, now)


class LiveProcesses:
    """What `top` draws again and again: who has used most of the CPU since the list before comes first."""

    def __init__(self) -> None:
        self._before: dict[tuple[int, str], int] = {}
        self._at_s: float | None = None

    def next(self, found: ProcessList, now: datetime.datetime, at_s: float) -> tuple[str, list[tuple[str, ...]]]:
        """Return a heading and the rows. at_s: by a clock that nobody sets."""
        passed_s = None if self._at_s is None else at_s - self._at_s
        shares = {_identity(one): self._share(one, passed_s) for one in found.processes}
        self._before = {_identity(one): one.cpu_ns for one in found.processes}
        self._at_s = at_s
        rows = []
        for one in sorted(found.processes, key=lambda one: shares[_identity(one)] or 0.0, reverse=True):
            share = shares[_identity(one)]
            known = dict(zip(PROCESS_COLUMNS, _process_row(one, now), strict=True))
            known["CPU %"] = "-" if share is None else f"{share:.1f}"
            rows.append(tuple(known[column] for column in LIVE_COLUMNS))
        return _heading(found, [share for share in shares.values() if share is not None]), rows

    def _share(self, one: Process, passed_s: float | None) -> float | None:
        """Return the percentage of one CPU since then; of a process that is new, from nothing on."""
        if not passed_s:
            return None
        return max(0, one.cpu_ns - self._before.get(_identity(one), 0)) / _NS / passed_s * 100


def _identity(one: Process) -> tuple[int, str]:
    return one.pid, one.started_at


def _heading(found: ProcessList, shares: list[float]) -> str:
    count, memory = len(found.processes), size_text(sum(one.rss_bytes for one in found.processes))
    threads, used = sum(one.threads for one in found.processes), f", {sum(shares):.1f} % of a CPU" if shares else ""
    return f"{count} process{'' if count == 1 else 'es'}, {threads} thread{'' if threads == 1 else 's'}{used}, {memory}"


def _process_row(one: Process, now: datetime.datetime) -> tuple[str, ...]:
    return (
        *map(str, (one.pid, one.container_pid, one.parent_pid, one.user_id)),
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
