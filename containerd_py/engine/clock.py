"""Moments that outlive a daemon: shown by the wall clock, counted by one that nobody sets and that goes on in suspend."""

from __future__ import annotations

import time
from datetime import UTC, datetime

from containerd_py.light.dataclasses import dataclass
from containerd_py.runtime import host


@dataclass(frozen=True)
class Moment:
    """boottime_ns: of CLOCK_BOOTTIME (clock_gettime(2)), which counts within the boot `boot_id` only."""

    wall: datetime
    boottime_ns: int
    boot_id: str

    def since_s(self, boottime_ns: int | None, boot_id: str) -> float | None:
        """Return how long ago that was; None where it is not known, or was in another boot."""
        if boottime_ns is None or boot_id != self.boot_id:
            return None
        return (self.boottime_ns - boottime_ns) / 1e9


def now() -> Moment:
    return Moment(datetime.now(UTC), time.clock_gettime_ns(time.CLOCK_BOOTTIME), host.boot_id())
