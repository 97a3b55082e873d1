"""A container's output as it was written, kept in a file; readers follow the file by offset (ADR 2).

`output` holds the bytes of both streams in the order in which they came; `output.index` tells for each run of bytes
where it begins, when it came and on which stream. Where a log is limited, what comes once a file is full goes to another
pair, `output.<offset of its first byte>`, and the oldest pairs are removed: offsets count all output, whatever is left.
"""

from __future__ import annotations

import errno
import os
import re
import select
import time
from contextlib import suppress
from typing import TYPE_CHECKING

import structlog

from containerd_py.engine.changes import Changes
from containerd_py.engine.output_reader import ENTRY, EVERYTHING, STREAMS, OutputReader, Picked
from containerd_py.light.dataclasses import dataclass
from containerd_py.runtime.linux.fd import Fd

if TYPE_CHECKING:
    from collections.abc import Iterator

    from containerd_py.engine.views import Stream

_log = structlog.get_logger()

_MOST = 1 << 20  # of one splice; a pipe holds 64 KiB unless somebody has enlarged it
_SPLICE_F_MOVE = 1
_SPLICE_F_NONBLOCK = 2
_NAME = re.compile(r"output(?:\.([0-9]+))?(?:\.index)?", re.ASCII)


@dataclass(frozen=True)
class Limits:
    """max_bytes: of one file, 0 for no limit; max_files: how many are kept, the one that grows among them."""

    max_bytes: int = 0
    max_files: int = 1


UNLIMITED = Limits()
TRANSIENT = Limits(128 << 10, 2)
"""For who keeps no log: enough for attached clients, who may be a moment late."""

SENT = "journal.sent"
"""What tells, beside the output, how much of it the journal has (`engine.journaling`)."""


class OutputLog:
    """The writing end. The files are made with the first byte. lost: bytes that found no room.

    size: the offset of the next byte; first: that of the first byte that is kept.
    """

    def __init__(self, directory: str, *, lost: int = 0, limits: Limits = UNLIMITED) -> None:
        self.directory = self._next_directory = directory
        self.limits = limits
        self.bases: list[int] = []
        """Where each file begins, the oldest first; empty before the first byte."""
        self.lost = lost
        self.size = 0
        self.changes = Changes()
        self._data: Fd | None = None
        self._index: Fd | None = None
        self._entries = 0

    @property
    def first(self) -> int:
        return self.bases[0] if self.bases else 0

    def resume(self) -> None:
        """Go on where an earlier daemon stopped. A disk so broken that this fails costs output, and no container."""
        try:
            self.bases = sorted(set(_bases(self.directory)))
            if self.bases:
                self._open(self.bases[-1])
        except OSError as problem:
            _log.error("cannot go on with output", directory=self.directory, error=problem.strerror)

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
            self._open(self.bases[-1] if self.bases else 0)
        elif self.limits.max_bytes and self.size - self.bases[-1] >= self.limits.max_bytes:
            self._rotate()
        assert self._data is not None and self._index is not None  # noqa: S101, PT018 - opened just now
        room = self.limits.max_bytes - (self.size - self.bases[-1]) if self.limits.max_bytes else _MOST
        # The entry comes before its bytes: whatever is there after a crash then belongs to an entry.
        entry = ENTRY.pack(self.size, time.time_ns(), STREAMS.index(stream))
        if os.pwrite(self._index.fileno(), entry, self._entries * ENTRY.size) != ENTRY.size:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self._entries += 1
        flags = _SPLICE_F_MOVE | _SPLICE_F_NONBLOCK
        at = self.size - self.bases[-1]
        self.size += os.splice(pipe, self._data.fileno(), min(room, _MOST), offset_dst=at, flags=flags)

    def _discard(self, pipe: int, problem: OSError) -> None:
        """No room or a broken disk: the container runs on, and what is lost is counted."""
        if not self.lost:
            _log.error("cannot keep output", directory=self.directory, error=problem.strerror)
        self.lost += len(os.read(pipe, _MOST))

    def _rotate(self) -> None:
        """Begin another pair of files; a reader that has an older one open can finish it."""
        full = self._data, self._index
        self._open(self.size)
        for fd in full:
            if fd is not None:
                fd.close()
        while len(self.bases) > self.limits.max_files:
            _unlink(self.path(self.bases.pop(0)))

    def trim(self, before: int, *, kept: int) -> None:
        """Remove files that end before an offset, but for the newest ones."""
        while len(self.bases) > kept and self.bases[1] <= before:
            _unlink(self.path(self.bases.pop(0)))

    def _open(self, base: int) -> None:
        os.makedirs(self.directory, mode=0o700, exist_ok=True)
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        data = Fd(os.open(self.path(base), flags, 0o600))
        try:
            index = Fd(os.open(f"{self.path(base)}.index", flags, 0o600))
        except OSError:
            data.close()
            raise
        self._data, self._index = data, index
        if base not in self.bases:
            self.bases.append(base)
        self.size = base + os.fstat(self._data.fileno()).st_size
        self._entries = os.fstat(self._index.fileno()).st_size // ENTRY.size

    def path(self, base: int) -> str:
        """Return the path of the file whose first byte is at an offset."""
        return self._path_in(self.directory, base)

    def _path_in(self, directory: str, base: int) -> str:
        return os.path.join(directory, f"output.{base}" if base else "output")

    def reader(self, offset: int, picked: Picked = EVERYTHING) -> OutputReader:
        """Return a reader that begins at `offset`."""
        return OutputReader(self, offset, picked)

    def close(self) -> None:
        self.changes.announce()
        for fd in (self._data, self._index):
            if fd is not None:
                fd.close()
        self._data = self._index = None

    def remove(self) -> None:
        """Remove the files, by name; blocking. Readers that have them open can finish. What others have put there stays."""
        for base in set(_bases(self.directory)):
            _unlink(self.path(base))
        with suppress(FileNotFoundError):
            os.unlink(os.path.join(self.directory, SENT))
        try:
            os.rmdir(self.directory)
        except OSError as problem:
            if problem.errno not in (errno.ENOENT, errno.ENOTEMPTY):
                raise

    def move(self, directory: str) -> None:
        """Give the files another place; blocking, and nothing where there are none. Readers find them all the while."""
        old, self._next_directory = self.directory, directory
        with suppress(FileNotFoundError):
            os.rename(old, directory)
        self.directory = directory

    @property
    def kept_bytes(self) -> int:
        """What is on disk of it, but for the index."""
        return self.size - self.first

    def open_for_reading(self, base: int) -> tuple[Fd, Fd] | None:
        """None where it was deleted meanwhile."""
        for directory in (self.directory, self._next_directory):
            found = _open_pair(self._path_in(directory, base))
            if found is not None:
                return found
        return None


class DiscardedOutput(OutputLog):
    """Of a process whose output nobody is to see: it must not block all the same."""

    def take(self, pipe: int, stream: Stream) -> bool:
        state = _poll(pipe)
        if state & select.POLLIN:
            os.read(pipe, _MOST)
            return True
        return not state & (select.POLLHUP | select.POLLERR)


class CapturedOutput(OutputLog):
    """Of a process that the daemon runs for itself: the first `most` bytes, in memory; the rest must not block it."""

    def __init__(self, most: int) -> None:
        super().__init__("")
        self.data = b""
        self._most = most

    def take(self, pipe: int, stream: Stream) -> bool:
        state = _poll(pipe)
        if not state & select.POLLIN:
            return not state & (select.POLLHUP | select.POLLERR)
        self.data += os.read(pipe, _MOST)[: self._most - len(self.data)]
        self.size = len(self.data)  # at its end it stays: whoever drains the pipe is not held by who fills it
        return True

    def remove(self) -> None:
        """There are no files."""


def _open_pair(path: str) -> tuple[Fd, Fd] | None:
    flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW
    try:
        data = Fd(os.open(path, flags))
    except FileNotFoundError:
        return None
    try:
        return data, Fd(os.open(f"{path}.index", flags))
    except FileNotFoundError:
        data.close()
        return None


def _bases(directory: str) -> Iterator[int]:
    """Yield where the files begin that are there, each once or twice."""
    try:
        names = os.listdir(directory)
    except FileNotFoundError:
        return
    for name in names:
        found = _NAME.fullmatch(name)
        if found is not None:
            yield int(found[1] or 0)


def _unlink(path: str) -> None:
    for name in (path, f"{path}.index"):
        with suppress(FileNotFoundError):
            os.unlink(name)


def _poll(fd: int) -> int:
    poll = select.poll()
    poll.register(fd, select.POLLIN)
    found = poll.poll(0)
    return found[0][1] if found else 0
