"""Reading a log as it grows."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from containerd_py.engine.output import OutputLog
    from containerd_py.engine.runs import Run
    from containerd_py.engine.views import OutputChunk, Stream


async def chunks(
    log: OutputLog,
    run: Run | None,
    *,
    offset: int | None,
    stream: Stream | None,
    follow: bool,
    closing: Callable[[], bool],
) -> AsyncIterator[OutputChunk]:
    """Yield output from `offset` on (None: from now on), with `follow` until the run, the log or the engine ends.

    run: the one that is followed, where the log has the output of several. A reader that is slow costs nothing and blocks
    nobody.
    """
    reader = log.reader(log.size if offset is None else offset)
    try:
        while True:
            chunk = reader.next()
            ended = log.ended if run is None else run.output_end is not None
            if follow and chunk is not None and run is not None and run.output_end is not None:
                chunk = chunk.before(run.output_end)
            if chunk is not None:
                if stream in (None, chunk.stream):
                    yield chunk
                continue
            if not follow or ended or closing():
                return
            await log.changes.wait()
    finally:
        reader.close()
