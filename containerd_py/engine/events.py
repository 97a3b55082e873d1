"""The daemon's events: a ring with sequence numbers. A subscriber reads the ring, and a slow one finds a gap in it."""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from contextlib import suppress
from datetime import UTC, datetime
from itertools import takewhile
from typing import TYPE_CHECKING

import structlog

from containerd_py.engine.asking import asker
from containerd_py.engine.changes import Changes
from containerd_py.engine.selection import nanoseconds
from containerd_py.engine.views import Event, Peer
from containerd_py.store.events import StoredEvent, StoredPeer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping

    from containerd_py.engine.selection import Selection
    from containerd_py.store.events import EventStore

_log = structlog.get_logger()

_KEPT = 4096
_KEPT_BYTES = 16 << 20
_BATCH = 256
_LONGEST_WAIT_S = 3600.0


def _unlabelled(_container_id: str) -> Mapping[str, str]:
    return {}


class EventLog:
    """Numbers grow by one from 1 on, and with a store go on after a restart; the oldest are forgotten beyond `kept`, and
    beyond `kept_bytes` of what they tell: labels are as long as a caller likes.

    store: where each event is put before anybody sees it. labels_of: the labels of a container that is there.
    """

    def __init__(
        self,
        kept: int = _KEPT,
        *,
        kept_bytes: int = _KEPT_BYTES,
        store: EventStore | None = None,
        labels_of: Callable[[str], Mapping[str, str]] = _unlabelled,
    ) -> None:
        self._ring: deque[Event] = deque()
        self._kept = kept
        self._kept_bytes = kept_bytes
        self._bytes = 0
        self._store = store
        self._labels_of = labels_of
        self._last = 0
        self._changes = Changes()
        self._closed = False
        self._storing = True
        self.published: Counter[str] = Counter()
        """How many of each type since this daemon began."""
        self.dropped = 0
        """How many events subscribers have missed by being slow, those of all together."""

    def restore(self) -> None:
        """Take up what an earlier daemon has kept. What cannot be read is left out, told, and a gap for subscribers."""
        if self._store is None:
            return
        try:
            stored, skipped = self._store.load(self._kept)
        except OSError as problem:
            _log.warning("cannot read the events of an earlier daemon", error=str(problem))
            return
        if skipped:
            _log.warning("lines of an earlier daemon's events could not be read", lines=skipped)
        for one in stored:
            self._add(_event(one))
        self._last = max(self._ring[-1].seq if self._ring else 0, self._marked())

    def _marked(self) -> int:
        """Return the last number that an earlier daemon used and could not keep."""
        if self._store is None:
            return 0
        try:
            return self._store.prepare()
        except OSError as problem:
            _log.warning("cannot tell which numbers of events were used", error=str(problem))
            return 0

    def publish(
        self, kind: str, container_id: str, name: str, labels: Mapping[str, str] | None = None, /, **attributes: str
    ) -> None:
        """labels: of a container that nobody finds any more."""
        told = dict(self._labels_of(container_id) if labels is None else labels)
        event = Event(self._last + 1, datetime.now(UTC), kind, container_id, name, attributes, told, asker())
        self._keep(event)
        self._last = event.seq
        self._add(event)
        self.published[kind] += 1
        self._changes.announce()

    def _add(self, event: Event) -> None:
        """The newest is there in any case."""
        self._ring.append(event)
        self._bytes += _size(event)
        while len(self._ring) > self._kept or (self._bytes > self._kept_bytes and len(self._ring) > 1):
            self._bytes -= _size(self._ring.popleft())

    def close(self) -> None:
        """End every subscription."""
        self._closed = True
        self._changes.announce()

    async def read(self, selection: Selection, *, follow: bool) -> AsyncIterator[Event]:
        """Yield the events of a selection, and with `follow` those to come, until its end where it has one.

        Where some are not there any more, an event of type "gap" tells how many ("dropped", or "unknown").
        """
        last, gap = self._start(selection)
        if gap is not None:
            yield gap
        caught_up = False
        while True:
            for event in self._after(last):
                if event.type == "gap" and caught_up:
                    self.dropped += event.seq - last
                last = event.seq
                if selection.wants(event):
                    yield event
            if last < self._last:
                continue
            caught_up = True
            left_s = selection.left_s()
            if self._closed or not follow or (left_s is not None and left_s <= 0):
                return
            await self._change(left_s)

    def _start(self, selection: Selection) -> tuple[int, Event | None]:
        """Return the number after which to begin, and what to tell before."""
        left_s = selection.left_s()
        if selection.since_id is not None:
            if selection.since_id <= self._last:
                return selection.since_id, None
            return 0, _gap(0, "unknown")  # a number of before a boot: its events are gone, and all of ours are news
        if selection.since_ns is None and (left_s is None or left_s > 0):
            return self._last, None
        if not self._ring:
            return self._last, None
        oldest = self._ring[0]
        complete = oldest.seq == 1 or (selection.since_ns is not None and nanoseconds(oldest.time) < selection.since_ns)
        return oldest.seq - 1, None if complete else _gap(oldest.seq - 1, "unknown")

    def _after(self, last: int) -> list[Event]:
        """A snapshot, bounded so that a subscriber never holds more than a part of the ring. A hole in it is a gap."""
        newer = list(takewhile(lambda event: event.seq > last, reversed(self._ring)))
        newer.reverse()
        found: list[Event] = []
        for event in newer[:_BATCH]:
            if event.seq > last + 1:
                found.append(_gap(event.seq - 1, str(event.seq - 1 - last)))
            found.append(event)
            last = event.seq
        if not found and last < self._last:  # the newest were not kept
            found.append(_gap(self._last, str(self._last - last)))
        return found

    async def _change(self, left_s: float | None) -> None:
        if left_s is None:
            await self._changes.wait()
            return
        try:
            async with asyncio.timeout(min(left_s, _LONGEST_WAIT_S)):
                await self._changes.wait()
        except TimeoutError:
            return

    def _keep(self, event: Event) -> None:
        """A full disk costs the next daemon these events, and nobody else anything. It is told once, until it is over."""
        if self._store is None:
            return
        try:
            self._store.append(_stored(event))
        except OSError as problem:
            if self._storing:
                _log.warning("cannot keep events: the next daemon will not know of them", error=str(problem))
            self._storing = False
            with suppress(OSError):  # then the next daemon uses this number again
                self._store.mark(event.seq)
        else:
            self._storing = True


def _size(event: Event) -> int:
    return sum(len(key) + len(value) for told in (event.labels, event.attributes) for key, value in told.items())


def _gap(seq: int, dropped: str) -> Event:
    return Event(seq, datetime.now(UTC), "gap", None, None, {"dropped": dropped})


def _stored(event: Event) -> StoredEvent:
    asked_by = None if event.asked_by is None else StoredPeer(uid=event.asked_by.uid, pid=event.asked_by.pid)
    return StoredEvent(
        seq=event.seq,
        time=event.time,
        type=event.type,
        id=event.id or "",
        name=event.name or "",
        attributes=event.attributes,
        labels=event.labels,
        asked_by=asked_by,
    )


def _event(stored: StoredEvent) -> Event:
    asked_by = None if stored.asked_by is None else Peer(stored.asked_by.uid, stored.asked_by.pid)
    return Event(stored.seq, stored.time, stored.type, stored.id, stored.name, stored.attributes, stored.labels, asked_by)
