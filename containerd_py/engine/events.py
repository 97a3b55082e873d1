"""The daemon's events: a ring with sequence numbers. A subscriber reads the ring, and a slow one finds a gap in it."""

from __future__ import annotations

from collections import deque
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from containerd_py.engine.changes import Changes
from containerd_py.engine.views import Event

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

_KEPT = 4096


class EventLog:
    """Numbers grow by one from 1 on, for as long as this daemon runs; the oldest are forgotten beyond `kept`."""

    def __init__(self, kept: int = _KEPT) -> None:
        self._ring: deque[Event] = deque(maxlen=kept)
        self._last = 0
        self._changes = Changes()
        self._closed = False

    def publish(self, kind: str, container_id: str, name: str, **attributes: str) -> None:
        self._last += 1
        self._ring.append(Event(self._last, datetime.now(UTC), kind, container_id, name, attributes))
        self._changes.announce()

    def close(self) -> None:
        """End every subscription."""
        self._closed = True
        self._changes.announce()

    async def read(self, *, since: int | None, follow: bool) -> AsyncIterator[Event]:
        """Yield the events after number `since` (None: from now on), and with `follow` those to come.

        Where some are forgotten already, an event of type "gap" tells how many ("dropped").
        """
        last = self._last if since is None else since
        if last > self._last:  # a number of an earlier daemon: its events are forgotten, and all of ours are news
            yield Event(0, datetime.now(UTC), "gap", None, None, {"dropped": "unknown"})
            last = 0
        while True:
            for event in self._after(last):
                last = event.seq
                yield event
            if last < self._last:
                continue
            if self._closed or not follow:
                return
            await self._changes.wait()

    def _after(self, last: int) -> list[Event]:
        """A snapshot, bounded so that a subscriber never holds more than a part of the ring."""
        if last >= self._last:
            return []
        oldest = self._ring[0].seq
        if last + 1 < oldest:
            dropped = oldest - 1 - last
            return [Event(oldest - 1, datetime.now(UTC), "gap", None, None, {"dropped": str(dropped)})]
        start = last + 1 - oldest
        return [self._ring[index] for index in range(start, min(start + 256, len(self._ring)))]
