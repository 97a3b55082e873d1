"""How long each step of a container's making took: recorded in `state.json`, put together with its plan again."""

from __future__ import annotations

from containerd_py.light.dataclasses import dataclass

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from containerd_py.runtime.plan.outline import Entry, Outline

    Kept = dict[str, Any]
    """What of `state.json` is kept by name: {"timing": {"forked": 5, "created": "7 9", "asked": 11, "started": "12"}}.

    In nanoseconds of the monotonic clock, when each step ended; as text, since lists are slow to write.
    """


@dataclass(frozen=True)
class TimedStep:
    """phase: "create" or "start"; start_ns: since the worker was forked."""

    phase: str
    step: str
    task: str
    start_ns: int
    duration_ns: int


def made(forked_ns: int, ended_ns: tuple[int, ...]) -> Kept:
    return {"timing": {"forked": forked_ns, "created": " ".join(map(str, ended_ns))}}


def started(kept: Kept, asked_ns: int, ended_ns: tuple[int, ...]) -> Kept:
    """Return what is kept with the times of the start; nothing is added where those of the making are not known."""
    before = kept.get("timing")
    if not before:
        return kept
    return kept | {"timing": before | {"asked": asked_ns, "started": " ".join(map(str, ended_ns))}}


def timeline(kept: Kept, plan: Outline) -> tuple[TimedStep, ...]:
    """Return the steps with their times; none where they were not recorded."""
    timing = kept.get("timing")
    if not timing:
        return ()
    forked_ns, created, start = timing["forked"], _times(timing["created"]), _times(timing.get("started", ""))
    steps = [*_phase("create", forked_ns, created, plan.entries, forked_ns)]
    if start:
        steps += _phase("start", timing["asked"], start, plan.entries[len(created) :], forked_ns)
    return tuple(steps)


def _phase(
    phase: str, begin_ns: int, ends_ns: tuple[int, ...], entries: tuple[Entry, ...], forked_ns: int
) -> Iterator[TimedStep]:
    """A step begins where the one before it ended."""
    for end_ns, entry in zip(ends_ns, entries, strict=False):
        yield TimedStep(phase, entry.step, entry.task, begin_ns - forked_ns, end_ns - begin_ns)
        begin_ns = end_ns


def _times(text: str) -> tuple[int, ...]:
    return tuple(map(int, text.split()))
