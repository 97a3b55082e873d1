"""Output, input and terminals of containers, for a caller of the engine. Knows no HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING

from containerd_py.engine.following import ALL, Reading, chunks
from containerd_py.errors import Conflict

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable

    from containerd_py.engine.containers import Container
    from containerd_py.engine.parts import Parts
    from containerd_py.engine.runs import Run
    from containerd_py.engine.views import OutputChunk, OutputGap, Stream, Window


class Streams:
    """find: a container by reference and action, as `Engine` does; closing: the engine ends its streams."""

    def __init__(self, parts: Parts, find: Callable[[str, str], Container], *, closing: Callable[[], bool]) -> None:
        self._parts = parts
        self._find = find
        self._closing = closing

    def run_of(self, reference: str) -> Run:
        """Return what tells the end of the run that there is now, or was last. Raises NotFound."""
        return self._find(reference, "follow").run

    async def output(
        self, reference: str, *, offset: int | None, stream: Stream | None, follow: bool, window: Window = ALL
    ) -> AsyncGenerator[OutputChunk | OutputGap, None]:
        """Yield output from `offset` on (None: from now on), with `follow` until the end of the run that there is now.

        Raises NotFound at the first step. A reader that is slow costs nothing and blocks nobody.
        """
        container = self._find(reference, "read output of")
        reading = Reading(offset, stream, follow=follow, window=window)
        async for chunk in chunks(container.log, container.run, reading, closing=self._closing):
            yield chunk

    def logged(self, reference: str, offset: int) -> str:
        """Return the id of a container that keeps a log from that offset on. Raises NotFound, Conflict."""
        container = self._find(reference, "read output of")
        if container.record.log_driver == "none":
            raise Conflict(
                f"cannot read output of {container.title}: its log driver is 'none'",
                step="logs",
                hint="attach shows what comes; a container with the log driver 'file' keeps it",
            )
        if 0 < offset < container.log.first:
            raise Conflict(
                f"cannot read output of {container.title} from offset {offset}: it is kept from {container.log.first} on",
                step="logs",
                hint="leave out the offset, or give that one",
            )
        return container.id

    def output_size(self, reference: str) -> int:
        """Return the offset at which the next byte of output will be."""
        return self._find(reference, "read output of").log.size

    async def write_stdin(self, reference: str, data: bytes) -> None:
        """Return once the payload's pipe or terminal has taken everything. Raises NotFound, Conflict."""
        container = self._find(reference, "write to")
        if container.stdio is None:
            raise Conflict(f"cannot write to container {container.name!r}: it has no input, or has ended", step="stdin")
        await container.stdio.write_stdin(data)

    async def close_stdin(self, reference: str) -> None:
        """Let the payload see the end of its input. Nothing where it has none any more."""
        container = self._find(reference, "close input of")
        if container.stdio is not None and await container.stdio.close_stdin():
            self._parts.link.drop(container.id, "stdin")

    def resize(self, reference: str, *, rows: int, columns: int) -> None:
        """Raises NotFound, Conflict where there is no terminal."""
        container = self._find(reference, "resize")
        if container.stdio is None:
            raise Conflict(f"cannot resize container {container.name!r}: it has no terminal, or has ended", step="resize")
        container.stdio.resize(rows, columns)
