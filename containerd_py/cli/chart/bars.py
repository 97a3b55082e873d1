"""A timeline at a terminal: each step a bar, where it began and as long as it took. A plain table goes to a pipe."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

from rich.cells import cell_len
from rich.text import Text

from containerd_py.cli.chart.steps import style_of
from containerd_py.cli.output import printable, terminal_width, write_text
from containerd_py.cli.tables import write_table

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from containerd_py.wire import TimedStep

_COLUMNS = ("PHASE", "STEP", "DESCRIPTION", "START µs", "DURATION µs")
_EIGHTHS = " ▏▎▍▌▋▊▉█"
_LEAST_BAR = 10
_MILLISECOND_US = 1000.0
_SECOND_US = 1_000_000.0


def write_bars(steps: Sequence[TimedStep]) -> None:
    width = terminal_width()
    if width is None:
        _write_plain(steps)
        return
    for phase in phases_of(steps):
        for line in phase_lines(phase, width):
            write_text(line)


@dataclass(frozen=True, slots=True)
class Phase:
    """Consecutive steps of one request, and from when to when they are drawn."""

    name: str
    steps: tuple[TimedStep, ...]
    begin_us: float
    end_us: float

    @property
    def length_us(self) -> float:
        return (self.end_us - self.begin_us) or 1.0


def phases_of(steps: Iterable[TimedStep]) -> Iterator[Phase]:
    """Yield the phases. The first begins with its request; between it and the next one there may be days."""
    begun = False
    for name, group in groupby(steps, lambda one: one.phase):
        own = tuple(group)
        end_us = max(one.start_us + one.duration_us for one in own)
        yield Phase(name, own, min(one.start_us for one in own) if begun else 0.0, end_us)
        begun = True


def phase_lines(phase: Phase, width: int) -> Iterator[Text]:
    """Yield a heading, and a line of at most `width` cells for each step: its name, its bar, its time, its words."""
    steps = phase.steps
    yield Text.assemble((phase.name, "bold"), (f"  {time_text(phase.length_us)}", "dim"))
    names = max(cell_len(printable(one.step)) for one in steps)
    times = max(len(time_text(one.duration_us)) for one in steps)
    bar = max(_LEAST_BAR, (width - names - times - 6) // 2)
    words = max(0, width - names - times - bar - 6)
    for one in steps:
        name = printable(one.step)
        line = Text("  " + name + " " * (names - cell_len(name)), style="bold")
        line.append(" " + bar_text(one, phase, bar), style=f"not bold {style_of(one.step)}")
        line.append(f" {time_text(one.duration_us):>{times}} ", style="not bold")
        description = Text(printable(one.description), style="not bold dim")
        description.truncate(words, overflow="ellipsis")
        yield line.append_text(description)


def bar_text(step: TimedStep, phase: Phase, width: int) -> str:
    """Return `width` cells: the bar in eighths of a cell, one at least, so that no step is without a trace."""
    scale = width * 8 / phase.length_us
    begin = min(int((step.start_us - phase.begin_us) * scale), width * 8 - 1)
    length = max(1, min(round(step.duration_us * scale), width * 8 - begin))
    # There are blocks that fill a cell from the left only: the beginning is rounded down to a whole cell.
    cells, part = divmod(begin % 8 + length, 8) if length >= 8 else (0, length)
    blocks = "█" * cells + (_EIGHTHS[part] if part else "")
    return (" " * (begin // 8) + blocks)[:width].ljust(width)


def time_text(time_us: float) -> str:
    """Return "12 µs", "3.4 ms", "1.20 s"."""
    if time_us < _MILLISECOND_US:
        return f"{time_us:.0f} µs"
    return f"{time_us / _MILLISECOND_US:.1f} ms" if time_us < _SECOND_US else f"{time_us / _SECOND_US:.2f} s"


def _write_plain(steps: Sequence[TimedStep]) -> None:
    rows = [(one.phase, one.step, one.description, f"{one.start_us:.0f}", f"{one.duration_us:.0f}") for one in steps]
    write_table(_COLUMNS, rows, elastic="DESCRIPTION", numbers=_COLUMNS[3:])
