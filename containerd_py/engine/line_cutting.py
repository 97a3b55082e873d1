"""Output cut into lines of bounded length, each stream for itself; where it got to can be stored after each of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from containerd_py.engine.views import Stream
from containerd_py.light.dataclasses import dataclass, field

if TYPE_CHECKING:
    from collections.abc import Iterator

    from containerd_py.engine.views import OutputChunk

LONGEST = 16 << 10
"""Bytes of one line, or piece of one."""


@dataclass(frozen=True)
class Mark:
    """How far a stream was cut. offset: of the next byte. begun, pieces: of the line in the middle of which it is."""

    offset: int = 0
    begun: int | None = None
    pieces: int = 0


@dataclass(frozen=True)
class Piece:
    """Which part of a line that does not come whole. begun: the offset of the line; number: from 1; last: it ends here."""

    begun: int
    number: int
    last: bool


@dataclass(frozen=True)
class Line:
    """data: without the line feed. time_ns: when it began to come. after: the mark of its stream once it is dealt with."""

    stream: Stream
    offset: int
    time_ns: int
    data: bytes
    piece: Piece | None
    after: Mark


@dataclass
class _Cutting:
    """One stream. held: what has come of a line; offset, time_ns: of its first byte; read: what came before is known."""

    read: int
    begun: int | None
    pieces: int
    held: bytes = b""
    offset: int = 0
    time_ns: int = 0


@dataclass
class LineCutter:
    """Go on from `marks`: what is before them, a restart had read already."""

    marks: dict[Stream, Mark] = field(default_factory=dict)
    _cut: dict[Stream, _Cutting] = field(default_factory=dict)

    def feed(self, chunk: OutputChunk) -> Iterator[Line]:
        """Yield the lines that are whole now, and pieces of one that is too long. Take all, or what is left is lost."""
        one = self._of(chunk.stream)
        data, at = chunk.data, max(0, one.read - chunk.offset)
        one.read = max(one.read, chunk.offset + len(data))
        while at < len(data):
            if not one.held:
                one.offset, one.time_ns = chunk.offset + at, chunk.time_ns
            end = data.find(b"\n", at)
            stop = len(data) if end < 0 else end
            room = LONGEST - len(one.held)
            if stop - at > room:
                one.held += data[at : at + room]
                at += room
                yield self._piece(chunk.stream, one, chunk.offset + at)
            elif end < 0:
                one.held += data[at:]
                return
            else:
                one.held += data[at:end]
                at = end + 1
                yield self._line(chunk.stream, one, chunk.offset + at)

    def end(self) -> Iterator[Line]:
        """Yield what has begun, and does not go on."""
        for stream, one in self._cut.items():
            if one.held:
                begun = one.offset if one.begun is None else one.begun
                piece = Piece(begun, one.pieces + 1, last=False)
                line = Line(stream, one.offset, one.time_ns, one.held, piece, Mark(one.read))
                one.held, one.begun, one.pieces = b"", None, 0
                yield line

    def pending(self) -> int | None:
        """Return the offset of the first byte that is held for the rest of its line; None where nothing is."""
        return min((one.offset for one in self._cut.values() if one.held), default=None)

    def idle(self) -> Iterator[Stream]:
        """Yield the streams of which nothing is held, those of which nothing has come among them."""
        yield from (stream for stream in Stream if not self._of(stream).held)

    def _piece(self, stream: Stream, one: _Cutting, next_offset: int) -> Line:
        one.begun = one.offset if one.begun is None else one.begun
        one.pieces += 1
        piece = Piece(one.begun, one.pieces, last=False)
        line = Line(stream, one.offset, one.time_ns, one.held, piece, Mark(next_offset, one.begun, one.pieces))
        one.held = b""
        return line

    def _line(self, stream: Stream, one: _Cutting, next_offset: int) -> Line:
        piece = None if one.begun is None else Piece(one.begun, one.pieces + 1, last=True)
        line = Line(stream, one.offset, one.time_ns, one.held, piece, Mark(next_offset))
        one.held, one.begun, one.pieces = b"", None, 0
        return line

    def _of(self, stream: Stream) -> _Cutting:
        if stream not in self._cut:
            mark = self.marks.get(stream, Mark())
            self._cut[stream] = _Cutting(mark.offset, mark.begun, mark.pieces)
        return self._cut[stream]
