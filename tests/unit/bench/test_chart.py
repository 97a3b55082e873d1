"""A chart is well-formed, the same each time, and its bars are as long as its medians."""

from xml.etree import ElementTree

import pytest

from tests.bench import chart
from tests.bench.figures import Better, Figure, Growth, Series

_SVG = "{http://www.w3.org/2000/svg}"
_FIGURE = Figure(
    "a.b",
    "Lives & <ends>",
    "ms",
    (Series("ours", (1.0, 2.0, 3.0)), Series("theirs <1>", (8.0, 8.0, 8.0))),
    better=Better.LOWER,
)


def parsed(picture: str) -> ElementTree.Element:
    return ElementTree.fromstring(picture)  # noqa: S314 - it is our own


def bars(picture: str) -> list[tuple[str, float]]:
    return [
        (bar.attrib["class"], float(bar.attrib["width"]))
        for bar in parsed(picture).iter(f"{_SVG}rect")
        if "class" in bar.attrib
    ]


def test_bars_are_as_long_as_medians() -> None:
    (kind, ours), (other, theirs) = bars(chart.figure(_FIGURE))
    assert (kind, other) == ("ours", "theirs")
    assert theirs == pytest.approx(4 * ours, rel=0.01)


def test_words_are_told_as_they_are() -> None:
    words = [text.text for text in parsed(chart.figure(_FIGURE)).iter(f"{_SVG}text")]
    assert words[0] == "Lives & <ends>"
    assert {"ours", "theirs <1>", "2.00", "8.00"} <= set(words)


def test_everything_is_within_the_picture() -> None:
    """One outlier, at the longest bar."""
    tail = (*(8.0 for _ in range(40)), 9000.0)
    picture = chart.figure(Figure("a", "a", "ms", (Series("ours", (1.0,)), Series("theirs", tail))))
    lines = [float(line.attrib["x2"]) for line in parsed(picture).iter(f"{_SVG}line")]
    assert lines
    assert max(lines) <= 860


def test_the_same_data_give_the_same_bytes() -> None:
    assert chart.figure(_FIGURE) == chart.figure(_FIGURE)


def test_without_a_comparison_all_are_ours() -> None:
    alone = Figure("a", "a", "ms", (Series("one", (0.0,)), Series("two", (0.0,))), compared=False)
    assert [kind for kind, _width in bars(chart.figure(alone))] == ["ours", "ours"]


def test_growths_have_a_line_where_the_work_has_grown_to() -> None:
    growth = Growth("lists", "1", "10", 1, (1.0,), (5.0,))
    (kind, width), *_ = bars(picture := chart.growths([growth], [5.0], 10.0))
    limit = next(line for line in parsed(picture).iter(f"{_SVG}line") if line.attrib["class"] == "limit")
    start = next(float(bar.attrib["x"]) for bar in parsed(picture).iter(f"{_SVG}rect") if bar.attrib.get("class") == kind)
    assert float(limit.attrib["x1"]) - start == pytest.approx(2 * width, abs=0.2)


@pytest.mark.parametrize(
    ("value", "told"), [(1234567.0, "1 234 567"), (123.4, "123"), (12.34, "12.3"), (1.234, "1.23"), (0.0, "0.00")]
)
def test_numbers(value: float, told: str) -> None:
    assert chart.number(value) == told
