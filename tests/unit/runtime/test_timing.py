"""Times of steps, recorded and put together."""

from __future__ import annotations

from containerd_py.runtime import timing
from containerd_py.runtime.plan.outline import Entry, Outline
from containerd_py.runtime.timing import TimedStep

PLAN = Outline(tuple(Entry(kind, kind.lower(), f"do {kind}", "") for kind in ("A", "B", "AwaitStart", "C")))


def test_each_step_begins_where_the_one_before_ended() -> None:
    kept = timing.started(timing.made(100, (110, 130)), 1000, (1005, 1025))
    assert timing.timeline(kept, PLAN) == (
        TimedStep("create", "a", "do A", 0, 10),
        TimedStep("create", "b", "do B", 10, 20),
        TimedStep("start", "awaitstart", "do AwaitStart", 900, 5),
        TimedStep("start", "c", "do C", 905, 20),
    )


def test_before_the_start_there_is_the_making_alone() -> None:
    assert [step.phase for step in timing.timeline(timing.made(1, (2, 3)), PLAN)] == ["create", "create"]


def test_what_was_made_by_an_older_version_has_none() -> None:
    assert timing.timeline({}, PLAN) == ()
    assert timing.started({"config": {}}, 5, (6,)) == {"config": {}}
