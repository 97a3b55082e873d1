"""Medians, percentiles, ratios and their intervals are what they are by hand."""

import pytest

from tests.bench import estimates
from tests.bench.estimates import Estimate


@pytest.mark.parametrize(
    ("values", "percent", "expected"),
    [
        ((3.0, 1.0, 2.0), 50, 2.0),
        ((1.0, 2.0), 50, 1.5),
        ((0.0, 10.0), 99, 9.9),
        ((7.0,), 99, 7.0),
        ((1.0, 2.0, 3.0), 100, 3.0),
    ],
)
def test_a_percentile(values: tuple[float, ...], percent: float, expected: float) -> None:
    assert estimates.percentile(values, percent) == pytest.approx(expected)


def test_a_ratio_is_of_the_medians_whatever_one_round_was() -> None:
    assert estimates.ratio((1.0, 2.0, 300.0), (4.0, 4.0, 4.0), paired=True).value == 0.5


def test_rounds_that_share_their_noise_are_drawn_together() -> None:
    """One that is always half of the other, on a machine that is slow at times."""
    theirs = tuple(float(1 + 50 * (number % 2)) for number in range(40))
    ours = tuple(each / 2 for each in theirs)
    assert estimates.ratio(ours, theirs, paired=True) == Estimate(0.5, 0.5, 0.5)
    apart = estimates.ratio(ours, theirs, paired=False)
    assert apart.high > 2 * apart.low


def test_the_interval_holds_the_ratio_and_is_the_same_each_time() -> None:
    ours, theirs = tuple(map(float, range(10, 40))), tuple(map(float, range(20, 60)))
    found = estimates.ratio(ours, theirs, paired=False)
    assert found.low < found.value < found.high
    assert found == estimates.ratio(ours, theirs, paired=False)


def test_single_values_have_no_interval() -> None:
    assert estimates.ratio((1.0,), (4.0,), paired=False) == Estimate(0.25, 0.25, 0.25)


def test_pairs_need_as_many() -> None:
    with pytest.raises(ValueError, match="cannot pair 1 values with 2"):
        estimates.ratio((1.0,), (1.0, 2.0), paired=True)


def test_growth_counts_a_slow_tail() -> None:
    assert estimates.growth((1.0, 1.0), (1.0, 1.0, 1.0, 5.0), factor=10).value == 20
