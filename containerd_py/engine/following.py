"""Reading a log as it grows."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from containerd_py.engine.output import OutputLog
    from containerd_py.engine.views import OutputChunk, Stream


async def chunks(
    log: OutputLog, *, offset: int | None, stream: Stream | None, follow: bool, closing: Callable[[], bool]
) -> AsyncIterator[OutputChunk]:
    """Yield output from `offset` on (None: from now on), with `follow` until the log or the engine ends.

    A reader that is slow costs nothing and blocks nobody.
    """
    reader = log.reader(log.size if offset is None else offset)
    try:
        while True:
            chunk = reader.next()
            if chunk is not None:
                if stream in (None, chunk.stream):
                    yield chunk
                continue
            if not follow or log.ended or closing():
                return
            await log.changes.wait()
    finally:
        reader.close()
