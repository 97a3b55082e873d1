"""How long something took, each time: counted in classes, so that it costs the same after a year."""

from __future__ import annotations

from bisect import bisect_left

BOUNDS_S = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)


class Latencies:
    """counts: how many in each class of `BOUNDS_S` (its upper bound belongs to it), and at last those above all."""

    def __init__(self) -> None:
        self.counts = [0] * (len(BOUNDS_S) + 1)
        self.total_s = 0.0

    def note(self, seconds: float) -> None:
        self.counts[bisect_left(BOUNDS_S, seconds)] += 1
        self.total_s += seconds

    def cumulative(self) -> list[tuple[float, int]]:
        """Return (upper bound, how many were at most that); the last bound is infinite."""
        found, count = [], 0
        for bound, more in zip((*BOUNDS_S, float("inf")), self.counts, strict=True):
            count += more
            found.append((bound, count))
        return found
