"""Lines of output with the time at which each began to come."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from containerd_py.engine.views import OutputChunk, Stream

_PIECES = re.compile(rb"[^\n]*\n|[^\n]+")
_LONGEST = 64 << 10


class StampedLines:
    """Puts "2025-03-01T09:30:00.123456Z " before each line. Each stream is cut into lines for itself.

    A line above 64 KiB comes in several pieces, of which the first alone has its time.
    """

    def __init__(self) -> None:
        self._begun: dict[Stream, bytes] = {}

    def feed(self, chunk: OutputChunk) -> Iterator[bytes]:
        """Yield what is whole now."""
        for piece in _PIECES.findall(chunk.data):
            begun = self._begun.pop(chunk.stream, None)
            line = _stamp(chunk.time_ns) + piece if begun is None else begun + piece
            if line.endswith(b"\n"):
                yield line
            elif len(line) >= _LONGEST:
                yield line
                self._begun[chunk.stream] = b""
            else:
                self._begun[chunk.stream] = line

    def end(self) -> Iterator[bytes]:
        """Yield the lines that have begun, and will not end."""
        yield from filter(None, self._begun.values())
        self._begun.clear()


def _stamp(time_ns: int) -> bytes:
    seconds, nanoseconds = divmod(time_ns, 1_000_000_000)
    moment = datetime.fromtimestamp(seconds, UTC).replace(microsecond=nanoseconds // 1000)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ ").encode()
