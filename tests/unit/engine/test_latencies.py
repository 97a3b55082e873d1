"""Counting in classes."""

import math

import pytest

from containerd_py.engine.latencies import BOUNDS_S, Latencies


@pytest.mark.parametrize(("seconds", "place"), [(0.0, 0), (0.0005, 0), (0.00051, 1), (2.5, 11), (2.6, 12), (1e9, 12)])
def test_a_bound_belongs_to_its_class(seconds: float, place: int) -> None:
    latencies = Latencies()
    latencies.note(seconds)
    assert [index for index, count in enumerate(latencies.counts) if count] == [place]
    assert latencies.total_s == seconds


def test_classes_are_summed_up() -> None:
    latencies = Latencies()
    for seconds in (0.0001, 0.0007, 0.0007, 9.0):
        latencies.note(seconds)
    found = latencies.cumulative()
    assert [bound for bound, _ in found] == [*BOUNDS_S, math.inf]
    assert [count for _, count in found] == [1] + [3] * 11 + [4]
