"""Reading a log: a part of it, by offset, time or lines from the end, and what it grows by."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from containerd_py.engine.output_reader import Picked, backwards
from containerd_py.engine.views import OutputGap, Window
from containerd_py.light.dataclasses import dataclass

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable

    from containerd_py.engine.output import OutputLog
    from containerd_py.engine.runs import Run
    from containerd_py.engine.views import OutputChunk, Stream

ALL = Window()


@dataclass(frozen=True)
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
    reader = log.reader(await start_of(log, reading), _picked(reading))
    try:
        while True:
            chunk = reader.next()
            if isinstance(chunk, OutputGap):
                yield chunk
                continue
            if chunk is not None and not chunk.data:
                await asyncio.sleep(0)
                continue
            if reading.follow and chunk is not None and run.output_end is not None:
                chunk = chunk.before(run.output_end)
            if chunk is not None:
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
        start = await asyncio.to_thread(tail_offset, log, start, window.tail, _picked(reading))
    return start


def _picked(reading: Reading) -> Picked:
    return Picked(reading.stream, reading.window.since_ns, reading.window.until_ns)


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


def tail_offset(log: OutputLog, start: int, lines: int, picked: Picked) -> int:
    """Return where the last `lines` lines of what is picked begin, not before `start`. Blocking, but not for what is older.

    What comes after the last line feed is a line too.
    """
    if lines == 0:
        return log.size
    left, at_the_end = lines, True
    for offset, data in backwards(log, start, picked):
        if at_the_end and data.endswith(b"\n"):
            left += 1  # that of the last line: what is before it is its beginning
        at_the_end = False
        found = data.count(b"\n")
        if found >= left:
            return offset + _last_but(data, left) + 1
        left -= found
    return start


def _last_but(data: bytes, number: int) -> int:
    """Return where the `number`-th line feed from the end is."""
    at = len(data)
    for _ in range(number):
        at = data.rindex(b"\n", 0, at)
    return at
