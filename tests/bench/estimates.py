"""Medians, percentiles, and ratios with how sure one can be of them."""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import fmean, median

_RESAMPLES = 1000
_SEED = 8  # the same values give the same interval


@dataclass(frozen=True)
class Estimate:
    """low, high: the bounds of 95 %, by bootstrap; both are the value where there is one measurement only."""

    value: float
    low: float
    high: float


def percentile(values: Sequence[float], percent: float) -> float:
    """By linear interpolation between the two values next to it."""
    ordered = sorted(values)
    place = (len(ordered) - 1) * percent / 100
    below = int(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (place - below)


def ratio(ours: Sequence[float], theirs: Sequence[float], *, paired: bool) -> Estimate:
    """Of the medians. paired: rounds are drawn, with what both measured in them."""
    if paired and len(ours) != len(theirs):
        raise ValueError(f"cannot pair {len(ours)} values with {len(theirs)}")
    return _quotient(ours, theirs, median, paired=paired)


def growth(small: Sequence[float], large: Sequence[float], factor: float) -> Estimate:
    """How many times the cost has grown; of the means, so that a slow tail counts too."""
    found = _quotient(large, small, fmean, paired=False)
    return Estimate(found.value * factor, found.low * factor, found.high * factor)


def _quotient(
    above: Sequence[float], below: Sequence[float], middle: Callable[[Sequence[float]], float], *, paired: bool
) -> Estimate:
    drawn = random.Random(_SEED)  # noqa: S311 - statistics, no secrets
    seen = []
    for _ in range(_RESAMPLES if max(len(above), len(below)) > 1 else 0):
        places = drawn.choices(range(len(above)), k=len(above))
        others = places if paired else drawn.choices(range(len(below)), k=len(below))
        divisor = middle([below[place] for place in others])
        if divisor:
            seen.append(middle([above[place] for place in places]) / divisor)
    value = middle(above) / middle(below)
    return Estimate(value, percentile(seen, 2.5), percentile(seen, 97.5)) if seen else Estimate(value, value, value)
