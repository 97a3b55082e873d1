"""Containers whose output goes to the journal: the log is read behind the payload, line by line, and sent.

So a journal that is away or slow holds nobody up: output waits in the log's files, within their limits, and what they have
no room for is counted as lost, and an entry tells of it. How far each stream was sent is on record after each entry, so
that a daemon that comes back goes on there, and repeats the one entry at most that was sent and not recorded (in the page
cache: a crash of the machine may repeat what was not synchronised). CONTAINER_LOG_OFFSET is the same in a repeated entry.
"""

from __future__ import annotations

import asyncio
import os
import struct
from contextlib import closing as closed_at_the_end
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import structlog

from containerd_py.engine import journal
from containerd_py.engine.line_cutting import LineCutter, Mark
from containerd_py.engine.output import SENT, Limits
from containerd_py.engine.views import OutputGap, Stream
from containerd_py.journal_entry import encode
from containerd_py.light.dataclasses import dataclass, replace
from containerd_py.runtime.linux.fd import Fd

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from containerd_py.engine.containers import Container
    from containerd_py.engine.journal import Journal
    from containerd_py.engine.line_cutting import Line
    from containerd_py.engine.tasks import Tasks
    from containerd_py.engine.views import OutputChunk
    from containerd_py.store.records import ContainerRecord

_log = structlog.get_logger()

WAITING = Limits(1 << 20, 64)
"""What may wait for the journal, unless the container says so itself."""

_PRIORITIES = {Stream.STDOUT: b"6", Stream.STDERR: b"3"}
_GAP_PRIORITY = b"4"
_STREAMS = (Stream.STDOUT, Stream.STDERR)
_MARKS = struct.Struct("<QQQQQQ")  # of stdout and stderr: offset, begun + 1 or 0, pieces
_SHORT_ID = 12
_LAST_S = 3.0
_AGAIN_S = 0.5
_KEPT_FILES = 8  # that were sent: attached clients read them, and may be late
_AT_ONCE = 64  # entries, until others have a turn


class Journaling:
    """Owns the feeds, one for each container with the driver "journald"."""

    def __init__(self, journal_: Journal, tasks: Tasks) -> None:
        self.journal = journal_
        self._tasks = tasks
        self._feeds: dict[str, Feed] = {}
        self._closing = False

    def check(self, labels: Mapping[str, str]) -> None:
        """Raises NotSupported where this host has no journal, or its entries would not take these labels."""
        self.journal.check()
        journal.check_labels(labels)

    def follow(self, container: Container) -> None:
        """Send what there is and what comes; nothing for a container with another driver."""
        if container.record.log_driver == "journald":
            feed = self._feeds[container.id] = Feed(container, self.journal)
            feed.task = self._tasks.start(feed.run(), name=f"journal {container.id}")

    async def let_go(self, container: Container) -> None:
        """It is removed: wait a short time until the journal has all of it."""
        feed = self._feeds.pop(container.id, None)
        if feed is not None:
            await feed.end()

    def stop(self) -> None:
        """The engine closes: feeds end once they have nothing to send, or the journal takes nothing."""
        for feed in self._feeds.values():
            feed.giving_up = True
            feed.container.log.changes.announce()

    def close(self) -> None:
        self.journal.close()


@dataclass(frozen=True)
class _Fields:
    """Those that are the same in each entry of a container, as long as its record is."""

    record: ContainerRecord
    encoded: bytes


class Feed:
    """One container's way to the journal. giving_up: wait for nothing any more."""

    def __init__(self, container: Container, journal_: Journal) -> None:
        self.container = container
        self.giving_up = False
        self.task: asyncio.Task[None] | None = None
        self._terminal = bool(container.config.get("process", {}).get("terminal"))
        self._log = container.log
        self._journal = journal_
        self._run = container.run
        self._marks = _MarkFile(container.log.directory)
        self._cutter = LineCutter()
        self._position = 0
        self._entries = 0
        self._finishing = self._stumbled = False
        self._fields: _Fields | None = None

    async def run(self) -> None:
        marks = await asyncio.to_thread(self._marks.read)
        self._cutter = LineCutter(dict(marks))
        self._position = min(self._log.size, *(marks.get(stream, Mark()).offset for stream in _STREAMS))
        with closed_at_the_end(self._marks), closed_at_the_end(self._log.reader(self._position)) as reader:
            going = True
            while going:
                try:
                    found = reader.next()
                except OSError as problem:  # such as a daemon without descriptors: it waits in the files meanwhile
                    going = await self._stumble(problem)
                    continue
                if found is None:
                    going = await self._at_the_end()
                elif isinstance(found, OutputGap):
                    going = await self._skip(found)
                else:
                    going = await self._take(found)

    async def end(self) -> None:
        """Return once all is sent, or will not be: a removal waits for the journal a short time only."""
        if self.task is None:
            return
        self._finishing = True
        self._log.changes.announce()
        await asyncio.wait((self.task,), timeout=_LAST_S)
        if not self.task.done():
            self.task.cancel()
            await asyncio.wait((self.task,))
            left = self._log.size - self._position
            _log.warning("output is lost that the journal did not take", container=self.container.id, bytes=left)

    async def _stumble(self, problem: OSError) -> bool:
        """Output cannot be read: try again after a while; return False where it is not to be waited for."""
        if not self._stumbled:
            _log.error("cannot read output for the journal", container=self.container.id, error=problem.strerror)
        self._stumbled = True
        if self._finishing or self.giving_up:
            return False
        await asyncio.sleep(_AGAIN_S)
        return True

    async def _at_the_end(self) -> bool:
        """Nothing more is there yet: return False where it is not to be waited for."""
        if self._run_is_over() and (self._cutter.pending() is not None or self._run.next is not None):
            return await self._end_run()
        if self._finishing or self.giving_up:
            return False
        await self._log.changes.wait()
        return True

    async def _take(self, chunk: OutputChunk) -> bool:
        end, after = self._run.output_end, chunk.offset + len(chunk.data)
        if end is not None and end < after:  # it goes on with output of the next run: no line is of both
            before = chunk.before(end)
            if before is not None and not await self._send(self._cutter.feed(before)):
                return False
            self._position = max(self._position, end)
            if not await self._end_run():
                return False
        if not await self._send(self._cutter.feed(chunk)):
            return False
        self._position = after
        pending = self._cutter.pending()
        self._marks.pass_over(self._cutter.idle(), after)
        self._log.trim(after if pending is None else pending, kept=_KEPT_FILES)
        return True

    async def _skip(self, gap: OutputGap) -> bool:
        """The journal was away, or slower than the payload, for too long."""
        if not self._log.lost:
            _log.error("output is lost that the journal did not take in time", container=self.container.id)
        if not await self._send(self._cutter.end()):
            return False
        if not await self._send_entry(_fields_of_gap(gap)):
            return False
        self._log.lost += gap.end - gap.start
        self._position = gap.end
        self._marks.pass_over(_STREAMS, gap.end)
        return True

    def _run_is_over(self) -> bool:
        return self._run.output_end is not None and self._position >= self._run.output_end

    async def _end_run(self) -> bool:
        """Send what the payload left without a line feed."""
        if not await self._send(self._cutter.end()):
            return False
        while self._run.next is not None and self._run_is_over():
            self._run = self._run.next
        return True

    async def _send(self, lines: Iterable[Line]) -> bool:
        """Return False where it gave up: what is not on record as sent, the next daemon sends."""
        for line in lines:
            if not await self._send_entry(self._fields_of(line), size=len(line.data)):
                return False
            self._marks.note(line.stream, line.after)
            self._entries += 1
            if self._entries % _AT_ONCE == 0:
                await asyncio.sleep(0)
        return True

    async def _send_entry(self, fields: Iterable[tuple[str, bytes]], *, size: int = 0) -> bool:
        """Send fields with those of the container. size: of the output in it, lost where no journal would take it."""
        if self._fields is None or self._fields.record is not self.container.record:
            record = self.container.record
            self._fields = _Fields(record, encode(_fields_of(record)))
        entry = self._fields.encoded + encode(fields)
        try:
            return await self._journal.send(entry, giving_up=lambda: self.giving_up)
        except OSError as problem:
            _log.error("cannot send output to the journal", container=self.container.id, error=problem.strerror)
            self._log.lost += size
            return True

    def _fields_of(self, line: Line) -> Iterator[tuple[str, bytes]]:
        if self._terminal and line.data.endswith(b"\r") and (line.piece is None or line.piece.last):
            line = replace(line, data=line.data[:-1])  # which the terminal has put there (ONLCR, termios(3))
        return _fields_of_line(line, self.container.id)


class _MarkFile:
    """The file SENT beside the output; made with the first mark."""

    def __init__(self, directory: str) -> None:
        self._path = os.path.join(directory, SENT)
        self._marks = dict.fromkeys(_STREAMS, Mark())
        self._file: Fd | None = None
        self._broken = False

    def read(self) -> dict[Stream, Mark]:
        """Blocking. What cannot be read has not been sent."""
        try:
            with open(self._path, "rb") as file:
                numbers = _MARKS.unpack(file.read(_MARKS.size))
        except (OSError, struct.error):
            return dict(self._marks)
        for index, stream in enumerate(_STREAMS):
            offset, begun, pieces = numbers[3 * index : 3 * index + 3]
            self._marks[stream] = Mark(offset, begun - 1 if begun else None, pieces)
        return dict(self._marks)

    def note(self, stream: Stream, mark: Mark) -> None:
        self._marks[stream] = mark
        self._write()

    def pass_over(self, streams: Iterable[Stream], offset: int) -> None:
        """Of these there is nothing before an offset that is still to be sent."""
        for stream in streams:
            self._marks[stream] = replace(self._marks[stream], offset=max(offset, self._marks[stream].offset))
        self._write()

    def _write(self) -> None:
        """A disk that takes nothing costs repetitions only."""
        marks = (self._marks[stream] for stream in _STREAMS)
        numbers = [
            number for one in marks for number in (one.offset, 0 if one.begun is None else one.begun + 1, one.pieces)
        ]
        try:
            if self._file is None:
                flags = os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
                self._file = Fd(os.open(self._path, flags, 0o600))
            os.pwrite(self._file.fileno(), _MARKS.pack(*numbers), 0)
        except OSError as problem:
            if not self._broken:
                self._broken = True
                _log.error("cannot record what the journal has", path=self._path, error=problem.strerror)

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None


def _fields_of(record: ContainerRecord) -> Iterator[tuple[str, bytes]]:
    """As docker and podman call them."""
    name = record.name.encode()
    yield "CONTAINER_ID", record.id[:_SHORT_ID].encode()
    yield "CONTAINER_ID_FULL", record.id.encode()
    yield "CONTAINER_NAME", name
    tag = None if record.log_tag is None else record.log_tag.encode()
    if tag is not None:
        yield "CONTAINER_TAG", tag
    yield "SYSLOG_IDENTIFIER", name if tag is None else tag
    for key, value in record.labels.items():
        yield journal.label_field(key), value.encode()


def _fields_of_gap(gap: OutputGap) -> Iterator[tuple[str, bytes]]:
    size = gap.end - gap.start
    yield "MESSAGE", b"%d bytes of output are lost: the journal did not take them in time" % size
    yield "PRIORITY", _GAP_PRIORITY
    yield "CONTAINER_LOG_OFFSET", str(gap.start).encode()
    yield "CONTAINER_LOST_BYTES", str(size).encode()


def _fields_of_line(line: Line, container_id: str) -> Iterator[tuple[str, bytes]]:
    yield "MESSAGE", line.data
    yield "PRIORITY", _PRIORITIES[line.stream]
    yield "CONTAINER_LOG_OFFSET", str(line.offset).encode()
    if line.time_ns:
        yield "SYSLOG_TIMESTAMP", datetime.fromtimestamp(line.time_ns / 1e9, UTC).isoformat().encode()
    if line.piece is not None:
        if not line.piece.last:
            yield "CONTAINER_PARTIAL_MESSAGE", b"true"
        yield "CONTAINER_PARTIAL_ID", f"{container_id}-{line.piece.begun}".encode()
        yield "CONTAINER_PARTIAL_ORDINAL", str(line.piece.number).encode()
        yield "CONTAINER_PARTIAL_LAST", b"true" if line.piece.last else b"false"
