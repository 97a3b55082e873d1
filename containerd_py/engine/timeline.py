"""The time that each step of a container's making took, put together from what was recorded."""

from __future__ import annotations

from typing import TYPE_CHECKING

from containerd_py.engine.creation import compiled
from containerd_py.engine.views import TimedStep
from containerd_py.runtime.spec.models import parse

if TYPE_CHECKING:
    from collections.abc import Iterator

    from containerd_py.engine.containers import Container
    from containerd_py.runtime.cgroups.layout import Layout
    from containerd_py.runtime.plan.plan import Plan
    from containerd_py.store.records import Timing

_PARENT = {
    "lower": "read the request and lower it to an OCI document",
    "prepare": "record the intent, make the cgroup, compile the plan",
    "fork": "fork the init worker into its namespaces",
}


async def timeline_of(container: Container, layout: Layout) -> tuple[TimedStep, ...]:
    """Return the steps of its making and of its start; none where their times were lost."""
    timing = container.record.timing
    if timing is None:
        return ()
    return timeline(timing, await compiled(parse(container.config), container.id, container.cgroup, layout))


def timeline(timing: Timing, plan: Plan) -> tuple[TimedStep, ...]:
    """Return the steps in the order of their ends; times in nanoseconds since the request's arrival."""
    steps = list(_parent(timing))
    forked_ns = timing.parent[-1][1] if timing.parent else timing.arrived_ns
    operations = [(operation.step, operation.describe()) for operation in plan.operations]
    steps += _worker("create", forked_ns, timing.created_ns, operations, timing.arrived_ns)
    if timing.started_ns:
        rest = operations[len(timing.created_ns) :]
        # Where a start was noticed only afterwards, nobody knows when it was asked for.
        start_ns = timing.started_ns[0] if timing.start_ns is None else timing.start_ns
        steps += _worker("start", start_ns, timing.started_ns, rest, timing.arrived_ns)
    return tuple(steps)


def _parent(timing: Timing) -> Iterator[TimedStep]:
    for name, start_ns, end_ns in timing.parent:
        yield TimedStep("create", name, _PARENT.get(name, name), start_ns - timing.arrived_ns, end_ns - start_ns)


def _worker(
    phase: str, start_ns: int, ends_ns: tuple[int, ...], operations: list[tuple[str, str]], arrived_ns: int
) -> Iterator[TimedStep]:
    """A step begins where the one before it ended."""
    begin_ns = start_ns
    for end_ns, (step, description) in zip(ends_ns, operations, strict=False):
        yield TimedStep(phase, step, description, begin_ns - arrived_ns, end_ns - begin_ns)
        begin_ns = end_ns
