"""A container's output as it was written, kept in a file; readers follow the file by offset (ADR 2).

`output` holds the bytes of both streams in the order in which they came; `output.index` tells for each run of bytes
where it begins, when it came and on which stream.
"""

from __future__ import annotations

import errno
import os
import select
import struct
import time

import structlog

from containerd_py.engine.changes import Changes
from containerd_py.engine.views import OutputChunk, Stream
from containerd_py.runtime.linux.fd import Fd

_log = structlog.get_logger()

_ENTRY = struct.Struct("<QQQ")  # offset, nanoseconds since the epoch, index of the stream
_STREAMS = (Stream.STDOUT, Stream.STDERR)
_MOST = 1 << 20  # of one splice; a pipe holds 64 KiB unless somebody has enlarged it
_CHUNK = 32_768  # of one read: fits a WebSocket frame with its channel (SECURITY R19)
_SPLICE_F_MOVE = 1
_SPLICE_F_NONBLOCK = 2
_DATA, _INDEX = "output", "output.index"


class OutputLog:
    """The writing end. The files are made with the first byte. size: bytes there; lost: bytes that found no room."""

    def __init__(self, directory: str, *, lost: int = 0) -> None:
        self.directory = directory
        self.lost = lost
        self.size = 0
        self.ended = False
        self.changes = Changes()
        self._data: Fd | None = None
        self._index: Fd | None = None
        self._entries = 0

    def resume(self) -> None:
        """Go on where an earlier daemon stopped."""
        if os.path.exists(os.path.join(self.directory, _DATA)):
            self._open()

    def take(self, pipe: int, stream: Stream) -> bool:
        """Move what a pipe holds to the log; return False at its end. Never blocks on the pipe."""
        state = _poll(pipe)
        if not state & select.POLLIN:
            return not state & (select.POLLHUP | select.POLLERR)
        try:
            self._splice(pipe, stream)
        except BlockingIOError:
            return True
        except OSError as problem:
            self._discard(pipe, problem)
        self.changes.announce()
        return True

    def _splice(self, pipe: int, stream: Stream) -> None:
        if self._data is None or self._index is None:
            self._open()
            assert self._data is not None and self._index is not None  # noqa: S101, PT018 - opened just now
        # The entry comes before its bytes: whatever is there after a crash then belongs to an entry.
        entry = _ENTRY.pack(self.size, time.time_ns(), _STREAMS.index(stream))
        if os.pwrite(self._index.fileno(), entry, self._entries * _ENTRY.size) != _ENTRY.size:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self._entries += 1
        flags = _SPLICE_F_MOVE | _SPLICE_F_NONBLOCK
        self.size += os.splice(pipe, self._data.fileno(), _MOST, offset_dst=self.size, flags=flags)

    def _discard(self, pipe: int, problem: OSError) -> None:
        """No room or a broken disk: the container runs on, and what is lost is counted."""
        if not self.lost:
            _log.error("cannot keep output", directory=self.directory, error=problem.strerror)
        self.lost += len(os.read(pipe, _MOST))

    def _open(self) -> None:
        os.makedirs(self.directory, mode=0o700, exist_ok=True)
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        data = Fd(os.open(os.path.join(self.directory, _DATA), flags, 0o600))
        try:
            index = Fd(os.open(os.path.join(self.directory, _INDEX), flags, 0o600))
        except OSError:
            data.close()
            raise
        self._data, self._index = data, index
        self.size = os.fstat(self._data.fileno()).st_size
        self._entries = os.fstat(self._index.fileno()).st_size // _ENTRY.size

    def reader(self, offset: int) -> OutputReader:
        """Return a reader that begins at `offset`."""
        return OutputReader(self, offset)

    def finish(self) -> None:
        """The payload has ended and its output is here: readers end once they have read it."""
        self.ended = True
        self.changes.announce()

    def reopen(self) -> None:
        """There will be more output, of another run: it goes on where that of the last one ended."""
        self.ended = False

    def close(self) -> None:
        self.finish()
        for fd in (self._data, self._index):
            if fd is not None:
                fd.close()
        self._data = self._index = None

    def remove(self) -> None:
        """Remove the files, by name; blocking. Readers that have them open can finish."""
        for name in (_DATA, _INDEX):
            try:
                os.unlink(os.path.join(self.directory, name))
            except FileNotFoundError:
                continue
        try:
            os.rmdir(self.directory)
        except FileNotFoundError:
            return

    def open_for_reading(self) -> tuple[Fd, Fd] | None:
        if not self.size:
            return None
        flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW
        try:
            data = Fd(os.open(os.path.join(self.directory, _DATA), flags))
            return data, Fd(os.open(os.path.join(self.directory, _INDEX), flags))
        except FileNotFoundError:
            return None  # deleted meanwhile


class DiscardedOutput(OutputLog):
    """Of a process whose output nobody is to see: it must not block all the same."""

    def take(self, pipe: int, stream: Stream) -> bool:
        state = _poll(pipe)
        if state & select.POLLIN:
            os.read(pipe, _MOST)
            return True
        return not state & (select.POLLHUP | select.POLLERR)


class OutputReader:
    """One reader of a log. `next` never waits; between its None and waiting for `log.changes` there must be no await."""

    def __init__(self, log: OutputLog, offset: int) -> None:
        self._log = log
        self._offset = offset
        self._entry = 0
        self._files: tuple[Fd, Fd] | None = None

    def next(self) -> OutputChunk | None:
        """Return the next bytes of one stream; None where there is nothing more yet."""
        if self._files is None:
            self._files = self._log.open_for_reading()
        if self._files is None or self._offset >= self._log.size:
            return None
        data_fd, index_fd = (fd.fileno() for fd in self._files)
        stream, time_ns, end = self._segment(index_fd)
        data = os.pread(data_fd, min(end - self._offset, _CHUNK), self._offset)
        if not data:
            return None
        chunk = OutputChunk(stream, self._offset, data, time_ns)
        self._offset += len(data)
        return chunk

    def _segment(self, index: int) -> tuple[Stream, int, int]:
        """Return the stream of the byte at the offset, when it came, and where its run ends."""
        count = os.fstat(index).st_size // _ENTRY.size
        if count == 0:  # the index was lost: what it told cannot be known any more
            return Stream.STDOUT, 0, self._log.size
        if self._entry == 0:
            self._entry = self._find(index, count)
        while self._entry + 1 < count and _entry(index, self._entry + 1)[0] <= self._offset:
            self._entry += 1
        end = _entry(index, self._entry + 1)[0] if self._entry + 1 < count else self._log.size
        _offset, time_ns, stream = _entry(index, self._entry)
        return _STREAMS[stream], time_ns, min(end, self._log.size)

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
        self._files = None


def _entry(index: int, number: int) -> tuple[int, int, int]:
    """Return (offset, time, stream) of an entry."""
    offset, time_ns, stream = _ENTRY.unpack(os.pread(index, _ENTRY.size, number * _ENTRY.size))
    return offset, time_ns, stream


def _poll(fd: int) -> int:
    poll = select.poll()
    poll.register(fd, select.POLLIN)
    found = poll.poll(0)
    return found[0][1] if found else 0
