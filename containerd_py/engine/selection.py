"""Which events a subscriber wants. Gaps are for everybody: what is forgotten may have been wanted."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from containerd_py.engine.labels import carries_all
from containerd_py.light.dataclasses import dataclass

if TYPE_CHECKING:
    from containerd_py.engine.views import Event

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SHORT_ID = 12


@dataclass(frozen=True)
class ContainerFilter:
    """id: of the container that `reference` means now, if there is one; it has had other names perhaps."""

    reference: str
    id: str | None = None

    def matches(self, event: Event) -> bool:
        if event.id is None:
            return False
        begins = len(self.reference) >= _SHORT_ID and event.id.startswith(self.reference)
        return self.reference == event.name or self.reference == event.id or self.id == event.id or begins


@dataclass(frozen=True)
class Selection:
    """since_id: only after this number (None: see `since`). since_ns, until_ns: of the wall clock, both included.

    Without `since_id` and `since_ns`: from now on; but all that are kept where `until_ns` is in the past.
    Of several types or containers one must fit, of several labels ("K" or "K=V") all.
    """

    since_id: int | None = None
    since_ns: int | None = None
    until_ns: int | None = None
    types: tuple[str, ...] = ()
    containers: tuple[ContainerFilter, ...] = ()
    labels: tuple[str, ...] = ()

    def wants(self, event: Event) -> bool:
        if event.type == "gap":
            return True
        at_ns = nanoseconds(event.time)
        if self.until_ns is not None and at_ns > self.until_ns:
            return False
        if self.since_ns is not None and at_ns < self.since_ns:
            return False
        if self.types and event.type not in self.types:
            return False
        if self.containers and not any(one.matches(event) for one in self.containers):
            return False
        return carries_all(event.labels, self.labels)

    def left_s(self) -> float | None:
        """Return how long there may be more, None for without end; 0 or less: it is over."""
        if self.until_ns is None:
            return None
        return (self.until_ns - nanoseconds(datetime.now(UTC))) / 1e9


def nanoseconds(time: datetime) -> int:
    """Since the epoch, to the microsecond."""
    return (time - _EPOCH) // timedelta(microseconds=1) * 1000
