"""Events that outlive a daemon: `<state>/events.jsonl`, one JSON object a line, and before it `events.jsonl.1`.

Each file takes a line more until it has 2 MiB; then it becomes the older one, and what was the older one is gone.
`events.last` has the last number whose event found no room, in 20 digits: no number is used twice.
"""

from __future__ import annotations

import contextlib
import errno
import os
from collections import deque
from datetime import datetime  # noqa: TC003 - pydantic reads annotations at run time
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, ValidationError

if TYPE_CHECKING:
    from collections.abc import Iterator

_NAME = "events.jsonl"
_LAST = "events.last"
_DIGITS = 20
_LARGEST_FILE = 2 << 20
_APPENDING = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW


class StoredPeer(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    uid: int
    pid: int


class StoredEvent(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    seq: int
    time: datetime
    type: str
    id: str
    name: str
    attributes: dict[str, str] = {}
    labels: dict[str, str] = {}
    asked_by: StoredPeer | None = None


class EventStore:
    """Blocking calls, but never for a disk: what is appended waits in the page cache, and is not synchronised."""

    def __init__(self, state_dir: str, *, largest_file: int = _LARGEST_FILE) -> None:
        self._path = os.path.join(state_dir, _NAME)
        self._older = f"{self._path}.1"
        self._last = os.path.join(state_dir, _LAST)
        self._largest_file = largest_file

    def load(self, most: int) -> tuple[list[StoredEvent], int]:
        """Return the newest `most` events, in order, and how many lines were none. Raises OSError."""
        found: deque[StoredEvent] = deque(maxlen=most)
        last = skipped = 0
        for path in (self._older, self._path):
            for line in _lines(path):
                event = _parsed(line)
                if event is None or event.seq <= last:
                    skipped += 1
                    continue
                last = event.seq
                found.append(event)
        return list(found), skipped

    def prepare(self) -> int:
        """Take the room that `mark` needs, and return the last number that was marked; 0 without one. Raises OSError."""
        fd = os.open(self._last, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            text = os.pread(fd, _DIGITS, 0)
            if len(text) < _DIGITS:
                os.pwrite(fd, b"0" * _DIGITS, 0)
            return int(text) if len(text) == _DIGITS and text.isdigit() else 0
        finally:
            os.close(fd)

    def mark(self, seq: int) -> None:
        """Note a number whose event could not be kept: in place, so that a full disk has room for it. Raises OSError."""
        fd = os.open(self._last, os.O_WRONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        try:
            os.pwrite(fd, f"{seq:0{_DIGITS}}".encode(), 0)
        finally:
            os.close(fd)

    def append(self, event: StoredEvent) -> None:
        """Add one event, whole or not at all. Raises OSError."""
        line = event.model_dump_json().encode() + b"\n"
        fd = os.open(self._path, _APPENDING, 0o600)
        try:
            size = os.fstat(fd).st_size
            if size and os.pread(fd, 1, size - 1) != b"\n":  # an earlier one was cut off
                line = b"\n" + line
            _write_whole(fd, line, size)
        finally:
            os.close(fd)
        if size + len(line) >= self._largest_file:
            os.replace(self._path, self._older)


def _write_whole(fd: int, line: bytes, size: int) -> None:
    """size: of the file before. A part of a line is taken back: a full disk may have had room for it (write(2))."""
    written = 0
    try:
        written = os.write(fd, line)
    finally:
        if written < len(line):
            with contextlib.suppress(OSError):  # then the next reader skips what is there of it
                os.ftruncate(fd, size)
    if written < len(line):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def _lines(path: str) -> Iterator[bytes]:
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    except FileNotFoundError:
        return
    with open(fd, "rb") as file:
        for line in file:
            if line.strip():
                yield line


def _parsed(line: bytes) -> StoredEvent | None:
    try:
        event = StoredEvent.model_validate_json(line)
    except ValidationError:
        return None
    return event if event.time.tzinfo is not None else None
