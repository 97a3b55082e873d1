"""Reading a log of output (`engine.output`) by its index: forwards from an offset, and backwards from its end."""

from __future__ import annotations

import os
import struct
from bisect import bisect_right
from typing import TYPE_CHECKING, NamedTuple

from containerd_py.engine.views import OutputChunk, OutputGap, Stream
from containerd_py.light.dataclasses import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterator

    from containerd_py.engine.output import OutputLog
    from containerd_py.runtime.linux.fd import Fd

ENTRY = struct.Struct("<QQQ")  # offset, nanoseconds since the epoch, index of the stream
STREAMS = (Stream.STDOUT, Stream.STDERR)
_CHUNK = 61_440  # of one read, in whole pages: fits a WebSocket frame of 64 KiB with its channel (SECURITY R19)
_MOST_PASSED = 256  # runs that are passed over by one step of a reader, which does not let others run meanwhile
_BLOCK = 4096  # entries of an index that are read at once, backwards


@dataclass(frozen=True)
class Picked:
    """Which runs of output are wanted: of one stream, and of a time, in nanoseconds since the epoch, both ends included."""

    stream: Stream | None = None
    since_ns: int | None = None
    until_ns: int | None = None

    def takes(self, stream: Stream, time_ns: int) -> bool:
        return self.stream in (None, stream) and time_ns >= (self.since_ns or 0) and not self.is_over(time_ns)

    def is_over(self, time_ns: int) -> bool:
        return self.until_ns is not None and time_ns > self.until_ns


EVERYTHING = Picked()


class _Run(NamedTuple):
    """Bytes that came at once: of which stream, when, and the offset after them."""

    stream: Stream
    time_ns: int
    end: int


class OutputReader:
    """One reader of a log. `next` never waits; between its None and waiting for `log.changes` there must be no await."""

    def __init__(self, log: OutputLog, offset: int, picked: Picked) -> None:
        self._log = log
        self._picked = picked
        self._offset = offset
        self._base = 0
        self._entry = 0
        self._known: _Run | None = None
        self._files: tuple[Fd, Fd] | None = None

    def next(self) -> OutputChunk | OutputGap | None:
        """Return the next bytes of one stream, or that some are kept no more; None where there is nothing more yet.

        A chunk without bytes: much was passed over that is not wanted, and others may run before it goes on.
        """
        for _ in range(_MOST_PASSED):
            if self._offset >= self._log.size:
                return None
            if self._files is None:
                gap = self._open()
                if gap is not None or self._files is None:
                    return gap
            # What is known of a run stays true: it can only have become longer.
            if self._known is None or self._known.end <= self._offset:
                self._known = self._run(*(fd.fileno() for fd in self._files))
            run = self._known
            if run.end <= self._offset:  # that of the file: what follows is in another one
                if not self._log.bases or self._base >= self._log.bases[-1]:
                    return None
                self.close()
            elif self._picked.is_over(run.time_ns):
                return None
            elif self._picked.takes(run.stream, run.time_ns):
                return self._read(run)
            else:
                self._offset = run.end
        return OutputChunk(Stream.STDOUT, self._offset, b"")

    def _open(self) -> OutputGap | None:
        """Open the file that the offset lies in, or tell that it is gone."""
        bases = self._log.bases
        if bases and self._offset < bases[0]:
            gap = OutputGap(self._offset, bases[0])
            self._offset = bases[0]
            return gap
        if bases:
            self._base = bases[bisect_right(bases, self._offset) - 1]
            self._entry = 0
            self._files = self._log.open_for_reading(self._base)
        return None

    def _read(self, run: _Run) -> OutputChunk | None:
        assert self._files is not None  # noqa: S101 - opened by the caller
        at, size = self._offset - self._base, min(run.end - self._offset, _CHUNK)
        data = os.pread(self._files[0].fileno(), size, at)
        chunk = OutputChunk(run.stream, self._offset, data, run.time_ns)
        self._offset += len(data)
        return chunk if data else None

    def _run(self, data: int, index: int) -> _Run:
        """Return that of the byte at the offset, as far as it is in this file."""
        end = min(self._base + os.fstat(data).st_size, self._log.size)
        count = os.fstat(index).st_size // ENTRY.size
        if count == 0:  # the index was lost: what it told cannot be known any more
            return _Run(Stream.STDOUT, 0, end)
        if self._entry == 0:
            self._entry = self._find(index, count)
        while self._entry + 1 < count and _entry(index, self._entry + 1)[0] <= self._offset:
            self._entry += 1
        if self._entry + 1 < count:
            end = min(_entry(index, self._entry + 1)[0], end)
        _offset, time_ns, stream = _entry(index, self._entry)
        return _Run(STREAMS[stream], time_ns, end)

    def _find(self, index: int, count: int) -> int:
        """Return the last entry that begins at the offset or before it, by halving."""
        low, high = 0, count
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if _entry(index, middle)[0] <= self._offset else (low, middle)
        return low

    def close(self) -> None:
        for fd in self._files or ():
            fd.close()
        self._files = self._known = None


def backwards(log: OutputLog, start: int, picked: Picked) -> Iterator[tuple[int, bytes]]:
    """Yield what is there now, from its end back to `start`: (offset, bytes). Blocking."""
    end = log.size
    for base in reversed(tuple(log.bases)):
        if base >= end:
            continue
        files = log.open_for_reading(base)
        if files is None:  # removed meanwhile, with all before it
            return
        with files[0] as data, files[1] as index:
            for first, last in _runs_backwards(index.fileno(), base, end, picked):
                yield from _pieces_backwards(data.fileno(), base, max(first, start), last)
                if first <= start:
                    return
        end = base


def _runs_backwards(index: int, base: int, end: int, picked: Picked) -> Iterator[tuple[int, int]]:
    """Yield where runs of a file begin and end, the last one first; where nothing is wanted, an empty one now and then."""
    left = os.fstat(index).st_size // ENTRY.size
    if left == 0 and picked.takes(Stream.STDOUT, 0):
        yield base, end
    while left:
        count = min(left, _BLOCK)
        left -= count
        block = os.pread(index, count * ENTRY.size, left * ENTRY.size)
        for number, (offset, time_ns, stream) in reversed(tuple(enumerate(ENTRY.iter_unpack(block), left))):
            first = base if number == 0 else offset
            if first < end:
                if picked.takes(STREAMS[stream], time_ns):
                    yield first, end
                end = first
        yield end, end


def _pieces_backwards(data: int, base: int, first: int, last: int) -> Iterator[tuple[int, bytes]]:
    while last > first:
        at = max(first, last - _CHUNK)
        yield at, os.pread(data, last - at, at - base)
        last = at


def _entry(index: int, number: int) -> tuple[int, int, int]:
    """Return (offset, time, stream) of an entry."""
    offset, time_ns, stream = ENTRY.unpack(os.pread(index, ENTRY.size, number * ENTRY.size))
    return offset, time_ns, stream
