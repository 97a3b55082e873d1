"""A figure as a picture: a bar a series to its median, and a line from there to its 99th percentile.

The same data give the same bytes. It stands on a card of its own, so that it can be read on light pages and on dark ones.
"""

from collections.abc import Iterator, Sequence
from html import escape

from tests.bench.estimates import percentile
from tests.bench.figures import Better, Figure, Growth, Series

_WIDTH, _LEFT, _RIGHT = 860, 300, 130
_TOP, _ROW, _BAR, _BOTTOM = 56, 30, 16, 18
_STYLE = """
  text { font: 13px system-ui, sans-serif; fill: #17323a }
  .title { font-size: 15px; font-weight: 600 }
  .small { font-size: 12px; fill: #4c6870 }
  .ours { fill: #12796f }
  .theirs { fill: #9db4b8 }
  .tail { stroke: #17323a; stroke-width: 1.2 }
  .limit { stroke: #b3541e; stroke-width: 1.4; stroke-dasharray: 5 4 }
"""


def figure(shown: Figure) -> str:
    """Return the SVG. Where the first series is compared with the others it has a colour of its own."""
    better = "less is better" if shown.better is Better.LOWER else "more is better"
    bars = [_Bar(each, number == 0 or not shown.compared) for number, each in enumerate(shown.series)]
    tail = ", line: 99th percentile" if any(bar.tail > bar.middle for bar in bars) else ""
    return _picture(shown.title, f"{shown.unit}, {better}; bar: median{tail}", bars)


def growths(shown: Sequence[Growth], costs: Sequence[float], work: float) -> str:
    """Return the SVG of how many times each cost has grown; a line stands where the work has."""
    bars = [_Bar(Series(each.name, (cost,)), ours=each.ours) for each, cost in zip(shown, costs, strict=True)]
    return _picture("What ten times the work costs", "times the cost; dashed: times the work", bars, limit=work)


class _Bar:
    def __init__(self, series: Series, ours: bool) -> None:  # noqa: FBT001 - two colours
        self.name = series.name.replace("`", "")
        self.middle = percentile(series.values, 50)
        self.tail = percentile(series.values, 99)
        self.kind = "ours" if ours else "theirs"


def _picture(title: str, about: str, bars: Sequence[_Bar], limit: float = 0.0) -> str:
    height = _TOP + _ROW * len(bars) + _BOTTOM
    longest = max([limit, *(max(bar.middle, _cut(bar, bars)) for bar in bars)]) or 1.0
    scale = (_WIDTH - _LEFT - _RIGHT) / longest
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" role="img" aria-label="{escape(title)}">',
        f"<title>{escape(title)}</title>",
        f"<style>{_STYLE}</style>",
        f'<rect width="{_WIDTH}" height="{height}" rx="10" fill="#f7faf9"/>',
        f'<text class="title" x="20" y="28">{escape(title)}</text>',
        f'<text class="small" x="20" y="46">{escape(about)}</text>',
    ]
    for number, bar in enumerate(bars):
        lines += _row(bar, _TOP + _ROW * number, scale, _cut(bar, bars))
    if limit:
        place = _LEFT + limit * scale
        lines.append(f'<line class="limit" x1="{place:.1f}" y1="{_TOP}" x2="{place:.1f}" y2="{height - _BOTTOM}"/>')
    return "\n".join([*lines, "</svg>"]) + "\n"


def _cut(bar: _Bar, bars: Sequence[_Bar]) -> float:
    """Return where the line of a bar ends: one outlier is not to make all bars short."""
    return min(bar.tail, 1.5 * max(each.middle for each in bars))


def _row(bar: _Bar, top: float, scale: float, tail: float) -> Iterator[str]:
    middle = top + _ROW / 2
    end = _LEFT + bar.middle * scale
    yield f'<text x="{_LEFT - 10}" y="{middle + 4:.1f}" text-anchor="end">{escape(bar.name)}</text>'
    width = max(end - _LEFT, 1.0)
    yield f'<rect class="{bar.kind}" x="{_LEFT}" y="{middle - _BAR / 2:.1f}" width="{width:.1f}" height="{_BAR}" rx="2"/>'
    if tail > bar.middle:
        far = _LEFT + tail * scale
        yield f'<line class="tail" x1="{end:.1f}" y1="{middle:.1f}" x2="{far:.1f}" y2="{middle:.1f}"/>'
        end = max(end, far)
    yield f'<text class="small" x="{end + 8:.1f}" y="{middle + 4:.1f}">{number(bar.middle)}</text>'


def number(value: float) -> str:
    """Return it with three digits that count, and no more than it has."""
    if abs(value) >= 1000:
        return f"{value:,.0f}".replace(",", " ")
    if abs(value) >= 100:
        return f"{value:.0f}"
    if abs(value) >= 10:
        return f"{value:.1f}"
    return f"{value:.2f}"
