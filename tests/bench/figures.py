"""The results of one run: plain data, as it goes to the JSON file."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median, quantiles

from tests.bench.memory import Held


@dataclass(frozen=True)
class Spread:
    """Milliseconds."""

    median_ms: float
    p95_ms: float

    @classmethod
    def of(cls, seconds: Sequence[float]) -> "Spread":
        return cls(median(seconds) * 1e3, quantiles(seconds, n=20, method="inclusive")[18] * 1e3)


@dataclass(frozen=True)
class Machine:
    """Where and when it ran."""

    date: str
    processor: str
    cores: int
    kernel: str
    system: str
    python: str
    cgroups: str
    load: str
    versions: tuple[str, ...]


@dataclass(frozen=True)
class Laps:
    """Whole lives of containers by contestant, and ours by request."""

    contestants: dict[str, Spread]
    requests: dict[str, Spread]


@dataclass(frozen=True)
class Residence:
    """Memory by situation."""

    idle: Held
    after_rounds: Held
    created: Held
    running: Held
    containers: int


@dataclass(frozen=True)
class Results:
    """`costs_us`: medians by phase and step of the timeline, the greatest first."""

    machine: Machine
    rounds: int
    laps: Laps
    starts: Spread
    residence: Residence
    costs_us: dict[str, float]
