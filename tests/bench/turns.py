"""Rounds: in each of them every contestant has one turn, so that noise of the machine hits all alike."""

import random
from collections.abc import Callable, Mapping

from tests.bench.figures import Series, milliseconds

WARM_UP = 3
"""Rounds that are not counted."""

Contestants = Mapping[str, Callable[[], float]]
"""What does it once and returns the seconds, by name."""


def take_turns(contestants: Contestants, rounds: int, warm_up: int = WARM_UP) -> dict[str, Series]:
    """Return the milliseconds of each. The order is drawn anew for each round, the same in each run."""
    seconds: dict[str, list[float]] = {name: [] for name in contestants}
    for number in range(warm_up + rounds):
        for name in order(list(contestants), number):
            seconds[name].append(contestants[name]())
    return {name: Series(name, milliseconds(taken[warm_up:])) for name, taken in seconds.items()}


def order(names: list[str], number: int) -> list[str]:
    return random.Random(number).sample(names, k=len(names))  # noqa: S311 - no secrets
