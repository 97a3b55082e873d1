"""The results as text: for the terminal, and as tables of the page."""

from collections.abc import Iterator

from tests.bench import estimates
from tests.bench.chart import number
from tests.bench.estimates import percentile
from tests.bench.figures import WORK, Figure, Growth, Machine, Section
from tests.bench.targets import grown, told

_HEAD = ("", "median", "p99", "most", "ours to it, 95 %")


def machine(shown: Machine) -> list[str]:
    return [
        f"{shown.date}, {shown.system}, kernel {shown.kernel}, Python {shown.python}",
        f"{shown.processor}, {shown.cores} cores, load {shown.load}, cgroups {shown.cgroups}",
        ", ".join(shown.versions),
    ]


def rows(figure: Figure) -> Iterator[tuple[str, ...]]:
    """Yield name, median, 99th percentile, the most, and the ratio of the first one to it with its interval."""
    ours = figure.series[0]
    for place, each in enumerate(figure.series):
        held = place > 0 and figure.compared
        ratio = f"{told(estimates.ratio(ours.values, each.values, paired=figure.paired))} ×" if held else ""
        many = len(each.values) > 1
        tail = (number(percentile(each.values, 99)), number(max(each.values))) if many else ("", "")
        yield (each.name, number(percentile(each.values, 50)), *tail, ratio)


def table(figure: Figure) -> Iterator[str]:
    """Yield the lines of a table of Markdown; columns without a word in them are left out."""
    head = (figure.unit, *_HEAD[1:])
    found = list(rows(figure))
    kept = [place for place in range(len(head)) if place < 2 or any(row[place] for row in found)]
    yield _line([head[place] for place in kept])
    yield "|---|" + "--:|" * (len(kept) - 1)
    yield from (_line([row[place] for place in kept]) for row in found)


def growth_table(growths: list[Growth]) -> Iterator[str]:
    yield "| | from | to | cost | |"
    yield "|---|---|---|--:|---|"
    for each in growths:
        cost = grown(each)
        verdict = "" if cost.value <= WORK else ("within what can be told" if cost.low <= WORK else "**more**")
        yield _line([each.name, each.few, each.many, f"{told(cost)} ×", verdict])


def text(section: Section) -> Iterator[str]:
    """Yield lines for a terminal."""
    for figure in section.measured.figures:
        yield f"{figure.title}, {figure.unit}"
        for name, middle, tail, most, ratio in rows(figure):
            yield f"  {name:<40}{middle:>10}{tail:>10}{most:>10}   {ratio}".rstrip()
    for each in section.measured.growths:
        yield f"  {each.name}: {each.few} → {each.many}: {told(grown(each))} × the cost"
    for name, reason in section.measured.absent.items():
        yield f"  {name} was not measured: {reason}"
    yield f"({section.name}: {section.seconds:.0f} s)"
    yield ""


def _line(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"
