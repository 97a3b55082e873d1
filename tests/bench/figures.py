"""What was measured, as plain data: it goes to a file as JSON, a file a section, and comes back."""

import dataclasses
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

OURS = "pycontainerd"
WORK = 10.0
"""How many times as much is done, to see how costs grow."""


class Better(StrEnum):
    LOWER = "lower"
    HIGHER = "higher"


@dataclass(frozen=True)
class Series:
    """One contestant's values, in the order in which they were measured, in the unit of the figure."""

    name: str
    values: tuple[float, ...]


@dataclass(frozen=True)
class Figure:
    """A chart's worth of series that answer one question.

    paired: values of the same place come from the same round. compared: the others are held against the first series.
    """

    key: str
    title: str
    unit: str
    series: tuple[Series, ...]
    better: Better = Better.LOWER
    paired: bool = False
    compared: bool = True
    note: str = ""

    def find(self, name: str) -> Series | None:
        return next((each for each in self.series if each.name == name), None)


@dataclass(frozen=True)
class Growth:
    """What a tenfold of work costs. few, many: what was done; small, large: the cost of each piece of it.

    factor: how many times the pieces of `many` are those of `few`. ours: False for what is measured to compare with.
    """

    name: str
    few: str
    many: str
    factor: float
    small: tuple[float, ...]
    large: tuple[float, ...]
    ours: bool = field(default=True, kw_only=True)


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
class Measured:
    """absent: peers that could not be measured, and why."""

    figures: tuple[Figure, ...]
    growths: tuple[Growth, ...] = ()
    absent: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Section:
    """One section of a run. size: what it was told to do, in words."""

    name: str
    machine: Machine
    size: str
    seconds: float
    measured: Measured


def milliseconds(seconds: Sequence[float]) -> tuple[float, ...]:
    return tuple(each * 1e3 for each in seconds)


def write(folder: Path, section: Section) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps(dataclasses.asdict(section), indent=1, ensure_ascii=False)
    (folder / f"{section.name}.json").write_text(text + "\n")


def read(folder: Path, names: Sequence[str]) -> dict[str, Section]:
    """Return the sections that are there, in the order of `names`."""
    found = {name: folder / f"{name}.json" for name in names}
    return {name: _section(json.loads(path.read_text())) for name, path in found.items() if path.exists()}


def _section(told: dict[str, Any]) -> Section:
    measured = told["measured"]
    return Section(
        name=told["name"],
        machine=Machine(**{**told["machine"], "versions": tuple(told["machine"]["versions"])}),
        size=told["size"],
        seconds=told["seconds"],
        measured=Measured(
            figures=tuple(_figure(each) for each in measured["figures"]),
            growths=tuple(
                Growth(**{**each, "small": tuple(each["small"]), "large": tuple(each["large"])})
                for each in measured["growths"]
            ),
            absent=measured["absent"],
        ),
    )


def _figure(told: dict[str, Any]) -> Figure:
    series = tuple(Series(each["name"], tuple(each["values"])) for each in told["series"])
    return Figure(**{**told, "series": series, "better": Better(told["better"])})
