"""What a start would do, and where its time went."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from containerd_py.wire.common import Strings, Wire


class PlanStep(Wire):
    index: int
    step: str
    description: str


class Explanation(Wire):
    namespaces: Strings
    steps: Annotated[tuple[PlanStep, ...], Field(strict=False)]


class TimedStep(Wire):
    """`start_us` counts from the request's arrival, on the monotonic clock."""

    phase: Literal["create", "start"]
    step: str
    description: str
    start_us: float
    duration_us: float


class Timeline(Wire):
    steps: Annotated[tuple[TimedStep, ...], Field(strict=False)]
