"""What was to be reached, held against what was measured."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from tests.bench import estimates
from tests.bench.chart import number
from tests.bench.estimates import Estimate, percentile
from tests.bench.figures import WORK, Figure, Growth, Section
from tests.bench.sections import crowd, execs, lifecycle, output, residence


@dataclass(frozen=True)
class Outcome:
    """met: None where it was not measured."""

    target: str
    measured: str
    met: bool | None


@dataclass(frozen=True)
class _Ratio:
    """Ours to theirs, or theirs to ours where more is better: at most, or at least, so much."""

    target: str
    key: str
    theirs: str
    bound: float
    least: bool = False

    def outcome(self, figures: Mapping[str, Figure]) -> Outcome:
        figure = figures.get(self.key)
        other = figure.find(self.theirs) if figure else None
        if figure is None or other is None:
            return Outcome(self.target, "not measured", None)
        found = estimates.ratio(figure.series[0].values, other.values, paired=figure.paired)
        return Outcome(
            self.target, f"{told(found)} ×", found.value >= self.bound if self.least else found.value <= self.bound
        )


@dataclass(frozen=True)
class _Value:
    """A value of one series: at most, or at least, so much. pick: of its values."""

    target: str
    key: str
    bound: float
    least: bool = False
    pick: Callable[[tuple[float, ...]], float] = lambda values: percentile(values, 50)
    unit: str | None = None

    def outcome(self, figures: Mapping[str, Figure]) -> Outcome:
        figure = figures.get(self.key)
        if figure is None:
            return Outcome(self.target, "not measured", None)
        found = self.pick(figure.series[0].values)
        met = found >= self.bound if self.least else found <= self.bound
        return Outcome(self.target, f"{number(found)} {self.unit or figure.unit}", met)


def _tail(values: tuple[float, ...]) -> float:
    return max(values) / percentile(values, 50)


_TARGETS: tuple[_Ratio | _Value, ...] = (
    _Ratio("a life over HTTP: ≤ 0.7 × `crun run`", lifecycle.HTTP, "crun run", 0.7),
    _Ratio("a life over HTTP: ≤ 0.2 × `runc run`", lifecycle.HTTP, "runc run", 0.2),
    _Ratio("a life over HTTP: ≤ 0.05 × `docker run`", lifecycle.ENGINES, "docker run --rm", 0.05),
    _Ratio("`pyctr run --rm`: ≤ 0.33 × `podman run --rm`", lifecycle.CLIENTS, "podman run --rm", 1 / 3),
    _Ratio("`pyrunc run`: ≤ 1.2 × `runc run`", lifecycle.RUNTIMES, "runc run", 1.2),
    *(
        _Ratio(f"starts a second, {flight} in flight: ≥ 3 × {name}", f"starts.{flight}", theirs, 3.0, least=True)
        for flight in (1, 8, 32)
        for name, theirs in (("`ctr`", "ctr run --detach"), ("dockerd", "docker, HTTP"))
    ),
    _Value("starts, 32 in flight: the slowest ≤ 5 × the median", crowd.STARTS, 5.0, pick=_tail, unit="×"),
    _Ratio("exec: ≤ 1 × `crun exec`", execs.KEY, "crun exec", 1.0),
    _Value("memory for each idle container, at most beside each other: ≤ 64 KiB", crowd.MEMORY, 64.0),
    _Value("daemon and spawner at rest: ≤ 60 MiB", residence.REST, 60.0),
    _Value("output into the log: ≥ 1 GiB/s", output.LOG, 1024.0, least=True),
    _Value("output to an attached client: ≥ 500 MiB/s", output.ATTACHED, 500.0, least=True),
    _Value("a byte through attach and back, median: ≤ 300 µs", output.ECHO, 300.0),
    _Value("list of all containers: ≤ 20 ms", crowd.LIST, 20.0),
    _Value("inspect of one: ≤ 20 ms", crowd.INSPECT, 20.0),
    _Value("an event to the last of 100 subscribers: ≤ 20 ms", crowd.EVENTS, 20.0),
    _Value("a daemon after a crash, with all containers: ≤ 1 s", crowd.RESTART, 1000.0),
)


def outcomes(sections: Mapping[str, Section]) -> Iterator[Outcome]:
    figures = {figure.key: figure for section in sections.values() for figure in section.measured.figures}
    yield from (target.outcome(figures) for target in _TARGETS)
    growths = [growth for section in sections.values() for growth in section.measured.growths if growth.ours]
    if growths:
        worst = max(growths, key=lambda each: grown(each).low)  # that of which most is certain
        found = grown(worst)
        met = found.low <= WORK
        yield Outcome("ten times the work: ≤ 10 × the cost, of every figure", f"{told(found)} × ({worst.name})", met)


def grown(growth: Growth) -> Estimate:
    return estimates.growth(growth.small, growth.large, growth.factor)


def told(found: Estimate) -> str:
    """Return "0.50 (0.48 to 0.53)"."""
    if found.low == found.high:
        return number(found.value)
    return f"{number(found.value)} ({number(found.low)} to {number(found.high)})"
