"""The streams of containers: output, from the log; input; the terminal's size. Knows no HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING

from containerd_py.engine.following import ALL, Reading, chunks, start_of
from containerd_py.engine.removed import RemovedContainer
from containerd_py.errors import Conflict, NotFound

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable

    from containerd_py.engine.containers import Container
    from containerd_py.engine.output import OutputLog
    from containerd_py.engine.parts import Parts
    from containerd_py.engine.runs import Run
    from containerd_py.engine.views import OutputChunk, OutputGap, Stream, Window


class Streams:
    """find: a container by reference and action, kill: a signal to one, as `Engine` does; closing: it ends its streams.

    What only reads finds containers too that were removed a short time ago.
    """

    def __init__(
        self,
        parts: Parts,
        find: Callable[[str, str], Container],
        kill: Callable[[str, int], Awaitable[None]],
        *,
        closing: Callable[[], bool],
    ) -> None:
        self._parts = parts
        self._find = find
        self._kill = kill
        self._closing = closing

    async def output(
        self, reference: str, *, offset: int | None, stream: Stream | None, follow: bool, window: Window = ALL
    ) -> AsyncGenerator[OutputChunk | OutputGap, None]:
        """Yield output from `offset` on (None: from now on), with `follow` until the end of the run that there is now.

        Raises NotFound at the first step. A reader that is slow costs nothing and blocks nobody.
        """
        found = self._look_up(reference, "read output of")
        reading = Reading(offset, stream, follow=follow, window=window)
        async for chunk in chunks(found.log, found.run, reading, closing=self._closing):
            yield chunk

    async def start_of(self, reference: str, reading: Reading) -> int:
        """Return the offset at which a reading begins. Raises NotFound."""
        return await start_of(self._look_up(reference, "read output of").log, reading)

    def logged(self, reference: str, offset: int | None) -> str:
        """Return the id of a container that keeps a log from that offset on. Raises NotFound, Conflict."""
        found = self._look_up(reference, "read output of")
        if isinstance(found, RemovedContainer):
            if not found.record.has_log:
                raise NotFound(f"cannot read output of {found.title}: it has been deleted, and kept no log", step="logs")
        elif found.record.log_driver != "file":
            raise _kept_elsewhere(found)
        check_kept(found.title, found.log, offset)
        return found.id

    def joinable(self, reference: str) -> tuple[str, int]:
        """Return the id of a container that a client can attach to, and the offset of its next byte. Raises NotFound."""
        found = self._look_up(reference, "attach to")
        return found.id, found.log.size

    def id_of(self, reference: str, action: str) -> str:
        """action: what is to be done with it, for the error. Raises NotFound."""
        return self._find(reference, action).id

    def run_of(self, reference: str) -> Run:
        """Return what tells the end of the run that there is now, or was last. Raises NotFound."""
        return self._look_up(reference, "follow").run

    async def write_stdin(self, reference: str, data: bytes) -> None:
        """Return once the payload's pipe or terminal has taken everything. Raises NotFound, Conflict."""
        container = self._find(reference, "write to")
        if container.stdio is None:
            raise Conflict(f"cannot write to container {container.name!r}: it has no input, or has ended", step="stdin")
        await container.stdio.write_stdin(data)

    async def close_stdin(self, reference: str) -> None:
        """Let the payload see the end of its input. Nothing where it has none any more, or was removed. Raises NotFound."""
        container = self._look_up(reference, "close input of")
        if isinstance(container, RemovedContainer):
            return
        if container.stdio is not None and await container.stdio.close_stdin():
            self._parts.link.drop(container.id, "stdin")

    async def signal(self, reference: str, number: int) -> None:
        """Raises NotFound, Conflict."""
        await self._kill(reference, number)

    def resize(self, reference: str, *, rows: int, columns: int) -> None:
        """Raises NotFound, Conflict where there is no terminal."""
        container = self._find(reference, "resize")
        if container.stdio is None:
            raise Conflict(f"cannot resize container {container.name!r}: it has no terminal, or has ended", step="resize")
        container.stdio.resize(rows, columns)

    def _look_up(self, reference: str, action: str) -> Container | RemovedContainer:
        try:
            return self._find(reference, action)
        except NotFound:
            removed = self._parts.removed.find(reference)
            if removed is None:
                raise
            return removed


def check_kept(title: str, log: OutputLog, offset: int | None) -> None:
    """Raises Conflict for an offset before the first byte that is kept; None is that byte's."""
    if offset is not None and offset < log.first:
        raise Conflict(
            f"cannot read output of {title} from offset {offset}: it is kept from {log.first} on",
            step="logs",
            hint="leave out the offset, or give that one",
        )


def _kept_elsewhere(container: Container) -> Conflict:
    driver = container.record.log_driver
    hint = "attach shows what comes; a container with the log driver 'file' keeps it"
    if driver == "journald":
        hint = f"it is in the journal: journalctl CONTAINER_ID_FULL={container.id}; attach shows what comes"
    return Conflict(f"cannot read output of {container.title}: its log driver is {driver!r}", step="logs", hint=hint)
