"""A timeline as a picture: SVG, with nothing in it but shapes and text, so that every browser and editor shows it."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape, quoteattr

from containerd_py.cli.chart.bars import phases_of, time_text
from containerd_py.cli.chart.steps import style_of
from containerd_py.cli.output import printable
from containerd_py.errors import InvalidArgument

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from containerd_py.cli.chart.bars import Phase
    from containerd_py.wire import TimedStep

_ROW, _HEAD, _TITLE, _MARGIN = 20, 46, 44, 24
_NAMES, _BARS, _WORDS = 210, 560, 430
_LETTER = 6.6  # of 11 pixels, about
_TICKS = 5
_LEAST = 1.5
_COLOURS = {"magenta": "#a855f7", "green": "#16a34a", "red": "#dc2626", "blue": "#2563eb", "cyan": "#0891b2"}
_NICE = (1.0, 2.0, 2.5, 5.0, 10.0)


def draw(steps: Sequence[TimedStep], *, title: str) -> str:
    """Return the SVG document."""
    phases = tuple(phases_of(steps))
    width = 2 * _MARGIN + _NAMES + _BARS + _WORDS
    height = 2 * _MARGIN + _TITLE + sum(_HEAD + _ROW * len(phase.steps) for phase in phases)
    parts = [_text(_MARGIN, _MARGIN + 18, title, size=18, weight=600)]
    top = _MARGIN + _TITLE
    for phase in phases:
        parts.extend(_phase(phase, top))
        top += _HEAD + _ROW * len(phase.steps)
    return "\n".join(
        (
            '<?xml version="1.0" encoding="UTF-8"?>',
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
            f'viewBox="0 0 {width} {height}" font-family="ui-sans-serif, system-ui, sans-serif" role="img">',
            f"<title>{_safe(title)}</title>",
            f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
            *parts,
            "</svg>",
            "",
        )
    )


def save(path: str, document: str) -> None:
    """Write the picture, whole or not at all; InvalidArgument where that is not possible, or it is no .svg."""
    if not path.endswith(".svg"):
        raise InvalidArgument(f"cannot draw {path!r}: pictures are SVG", step="parse", hint="let the name end with .svg")
    beside = f"{path}.{os.getpid()}"
    try:
        with open(beside, "x", encoding="utf-8") as file:
            file.write(document)
        os.replace(beside, path)
    except OSError as error:
        with contextlib.suppress(OSError):
            os.unlink(beside)
        raise InvalidArgument(f"cannot write {path!r}: {(error.strerror or str(error)).lower()}", step="write") from error


def _phase(phase: Phase, top: int) -> Iterator[str]:
    left = _MARGIN + _NAMES
    yield _text(_MARGIN, top + 26, f"{phase.name} · {time_text(phase.length_us)}", size=14, weight=600)
    bottom = top + _HEAD + _ROW * len(phase.steps) - 6
    for tick_us in _ticks(phase.length_us):
        x = left + tick_us / phase.length_us * _BARS
        yield f'<line x1="{x:.1f}" y1="{top + 32}" x2="{x:.1f}" y2="{bottom}" stroke="#e2e8f0"/>'
        yield _text(x, top + 26, time_text(tick_us), size=10, colour="#64748b", anchor="middle")
    for index, one in enumerate(phase.steps):
        yield from _step(one, phase, top + _HEAD - 8 + _ROW * index)


def _step(one: TimedStep, phase: Phase, top: int) -> Iterator[str]:
    left, base = _MARGIN + _NAMES, top + 14
    after_us = one.start_us - phase.begin_us
    x = left + after_us / phase.length_us * _BARS
    width = max(_LEAST, one.duration_us / phase.length_us * _BARS)
    colour = _COLOURS[style_of(one.step)]
    about = f"{one.step}: {one.description}, {time_text(one.duration_us)} after {time_text(after_us)}"
    yield f"<g><title>{_safe(about)}</title>"
    yield _text(left - 12, base, _cut(one.step, _NAMES - 12), size=11, anchor="end", family="ui-monospace, monospace")
    yield f'<rect x="{x:.1f}" y="{top + 4}" width="{width:.1f}" height="{_ROW - 7}" rx="2" fill={quoteattr(colour)}/>'
    # Beside the bar, on the side where there is room.
    beside = (x + width + 5, "start") if x + width < left + _BARS - 60 else (x - 5, "end")
    yield _text(beside[0], base, time_text(one.duration_us), size=10, colour="#334155", anchor=beside[1])
    yield _text(left + _BARS + 16, base, _cut(one.description, _WORDS - 16), size=11, colour="#64748b")
    yield "</g>"


def _ticks(end_us: float) -> Iterator[float]:
    """Yield round times from 0 to the end, about five."""
    power = 10.0 ** (len(str(int(end_us / _TICKS))) - 1)
    step = next(power * nice for nice in _NICE if power * nice * _TICKS >= end_us)
    tick = 0.0
    while tick <= end_us:
        yield tick
        tick += step


def _text(
    x: float,
    y: float,
    text: str,
    *,
    size: int = 12,
    weight: int = 400,
    colour: str = "#0f172a",
    anchor: str = "start",
    family: str = "",
) -> str:
    more = f" font-family={quoteattr(family)}" if family else ""
    more += f' font-weight="{weight}"' if weight != 400 else ""
    where = f'x="{x:.1f}" y="{y:.1f}" font-size="{size}" text-anchor="{anchor}"'
    return f'<text {where} fill="{colour}"{more}>{_safe(text)}</text>'


def _cut(text: str, width: int) -> str:
    most = int(width / _LETTER)
    return text if len(text) <= most else text[: most - 1] + "…"


def _safe(text: str) -> str:
    """A name from the host may hold what XML cannot."""
    return escape(printable(text))
