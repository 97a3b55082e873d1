"""Rounds: in each of them every contestant has one turn, so that noise of the machine hits all alike."""

import random
from collections.abc import Callable, Mapping

from tests.bench.figures import Series, milliseconds

_MOST_WARM_UP = 3

Contestants = Mapping[str, Callable[[], float]]
"""What does it once and returns the seconds, by name."""


def warm_up(rounds: int) -> int:
    """Return how many rounds before them are not counted."""
    return min(_MOST_WARM_UP, rounds // 2)


def take_turns(contestants: Contestants, rounds: int, *, warm: bool = False) -> dict[str, Series]:
    """Return the milliseconds of each. The order is drawn anew for each round, the same in each run.

    warm: every round counts.
    """
    left_out = 0 if warm else warm_up(rounds)
    seconds: dict[str, list[float]] = {name: [] for name in contestants}
    for number in range(left_out + rounds):
        for name in order(list(contestants), number):
            seconds[name].append(contestants[name]())
    return {name: Series(name, milliseconds(taken[left_out:])) for name, taken in seconds.items()}


def order(names: list[str], number: int) -> list[str]:
    return random.Random(number).sample(names, k=len(names))  # noqa: S311 - no secrets
