"""Reading a log: a part of it, by offset, time or lines from the end, and what it grows by."""

from __future__ import annotations

import asyncio
import time
from contextlib import closing as closed_at_the_end
from dataclasses import dataclass
from typing import TYPE_CHECKING

from containerd_py.engine.views import OutputGap, Window

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Iterator

    from containerd_py.engine.output import OutputLog
    from containerd_py.engine.runs import Run
    from containerd_py.engine.views import OutputChunk, Stream

ALL = Window()


@dataclass(frozen=True, slots=True)
class Reading:
    """What is wanted of a log. offset: None for "from now on"; follow: go on to the end of the run."""

    offset: int | None
    stream: Stream | None
    follow: bool
    window: Window = ALL


async def chunks(
    log: OutputLog, run: Run, reading: Reading, *, closing: Callable[[], bool]
) -> AsyncGenerator[OutputChunk | OutputGap, None]:
    """Yield output, with `follow` until the run, the window or the engine ends.

    A reader that is slow costs nothing and blocks nobody.
    """
    window = reading.window
    reader = log.reader(await start_of(log, reading))
    try:
        while True:
            chunk = reader.next()
            if isinstance(chunk, OutputGap):
                yield chunk
                continue
            if reading.follow and chunk is not None and run.output_end is not None:
                chunk = chunk.before(run.output_end)
            if chunk is not None:
                if window.until_ns is not None and chunk.time_ns > window.until_ns:
                    return
                if reading.stream in (None, chunk.stream) and chunk.time_ns >= (window.since_ns or 0):
                    yield chunk
                continue
            if not reading.follow or run.output_end is not None or closing() or not await _grown(log, window.until_ns):
                return
    finally:
        reader.close()


async def start_of(log: OutputLog, reading: Reading) -> int:
    """Return the offset at which the reading begins: the byte there may yet be of another stream, or too old."""
    window = reading.window
    start = log.size if reading.offset is None else reading.offset
    if window.kept or window.tail is not None:
        start = max(start, log.first)
    if window.tail is not None:
        start = await asyncio.to_thread(tail_offset, log, start, reading.stream, window)
    return start


async def _grown(log: OutputLog, until_ns: int | None) -> bool:
    """Wait for a change; return False where nothing that comes from now on is wanted."""
    left_s = None if until_ns is None else (until_ns - time.time_ns()) / 1e9
    if left_s is not None and left_s <= 0:
        return False
    try:
        async with asyncio.timeout(left_s):
            await log.changes.wait()
    except TimeoutError:
        return False
    return True


def tail_offset(log: OutputLog, start: int, stream: Stream | None, window: Window) -> int:
    """Blocking: return where the last `tail` lines of the window begin, not before `start`.

    What comes after the last line feed is a line too. It is read twice, so that no list of lines is held.
    """
    lines, last = 0, b"\n"
    for chunk in _within(log, start, stream, window):
        lines += chunk.data.count(b"\n")
        last = chunk.data[-1:]
    skipped = lines + (last != b"\n") - (window.tail or 0)
    if skipped <= 0:
        return start
    for chunk in _within(log, start, stream, window):
        found = chunk.data.count(b"\n")
        if found >= skipped:
            return chunk.offset + _end_of_line(chunk.data, skipped)
        skipped -= found
    return log.size


def _end_of_line(data: bytes, number: int) -> int:
    """Return where the line after the `number`-th line feed begins."""
    at = 0
    for _ in range(number):
        at = data.index(b"\n", at) + 1
    return at


def _within(log: OutputLog, start: int, stream: Stream | None, window: Window) -> Iterator[OutputChunk]:
    """Yield what is there now."""
    end = log.size
    with closed_at_the_end(log.reader(start)) as reader:
        while (chunk := reader.next()) is not None:
            if isinstance(chunk, OutputGap):
                continue
            if chunk.offset >= end:
                return
            if window.until_ns is not None and chunk.time_ns > window.until_ns:
                return
            if stream in (None, chunk.stream) and chunk.time_ns >= (window.since_ns or 0):
                yield chunk
