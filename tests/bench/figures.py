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
    p99_ms: float

    @classmethod
    def of(cls, seconds: Sequence[float]) -> "Spread":
        percentiles = quantiles(seconds, n=100, method="inclusive")
        return cls(median(seconds) * 1e3, percentiles[94] * 1e3, percentiles[98] * 1e3)


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
class Volume:
    """mebibytes: how much a payload wrote; the seconds until all of it was there."""

    mebibytes: int
    seconds: float

    @property
    def mib_per_s(self) -> float:
        return self.mebibytes / self.seconds


@dataclass(frozen=True)
class Logged:
    """A payload's output into the log, and out of it again by whoever asks for logs."""

    written: Volume
    read: Volume


@dataclass(frozen=True)
class Rate:
    """started: how many containers, so many of them in flight at once; starts: create and start of each."""

    started: int
    in_flight: int
    starts: Spread
    per_s: float


@dataclass(frozen=True)
class Crowd:
    """Containers that run at once.

    idle_cpu_percent: of one CPU, by all our processes. restart_s: from the exec of a daemon whose predecessor was killed
    to its first answer, all containers being known.
    """

    rates: tuple[Rate, ...]
    running: int
    lists: Spread
    inspects: Spread
    kib_per_container: float
    idle_cpu_percent: float
    restart_s: float


@dataclass(frozen=True)
class Output:
    """attached_s: until all clients were attached; fanned_out: what all of them got together.

    podman: the same of it, or why there is none.
    """

    clients: int
    attached_s: float
    fanned_out: Volume
    logged: Logged
    to_client: Volume
    podman: Logged | str


@dataclass(frozen=True)
class Load:
    crowd: Crowd
    output: Output


@dataclass(frozen=True)
class Living:
    """With containers that run, by what is done.

    executed: a program in one, ours and those of others; ended: one, by request; told: bytes and events that arrive;
    clients: a whole run by a client that is started for it.
    """

    executed: dict[str, Spread]
    ended: dict[str, Spread]
    told: dict[str, Spread]
    clients: dict[str, Spread]


@dataclass(frozen=True)
class Results:
    """`costs_us`: medians by phase and step of the timeline, the greatest first."""

    machine: Machine
    rounds: int
    laps: Laps
    starts: Spread
    residence: Residence
    costs_us: dict[str, float]
    living: Living
    load: Load | None = None
