"""The timeline: recorded ends put together with the steps of a plan."""

from containerd_py.engine.timeline import timeline
from containerd_py.engine.views import TimedStep
from containerd_py.runtime.plan import operations as op
from containerd_py.runtime.plan.plan import Plan
from containerd_py.store.records import Timing

OPERATIONS = (op.UnshareCgroup(), op.PivotRoot(), op.AwaitStart(), op.SetNoNewPrivs(), op.Exec(("/bin/true",), ()))
PLAN = Plan(("mount",), OPERATIONS)
PARENT = (("lower", 1000, 1010), ("prepare", 1010, 1040), ("fork", 1050, 1100))


def brief(steps: tuple[TimedStep, ...]) -> list[tuple[str, str, int, int]]:
    return [(step.phase, step.step, step.start_ns, step.duration_ns) for step in steps]


def test_times_count_from_the_arrival_of_the_request() -> None:
    timing = Timing(arrived_ns=1000, parent=PARENT, created_ns=(1130, 1200), start_ns=5000, started_ns=(5007, 5010))
    assert brief(timeline(timing, PLAN)) == [
        ("create", "lower", 0, 10),
        ("create", "prepare", 10, 30),
        ("create", "fork", 50, 50),
        ("create", OPERATIONS[0].step, 50, 80),  # from when the fork began: it may end before the fork is answered
        ("create", OPERATIONS[1].step, 130, 70),
        ("start", OPERATIONS[2].step, 4000, 7),
        ("start", OPERATIONS[3].step, 4007, 3),
    ]


def test_every_step_is_described_as_the_plan_does() -> None:
    timing = Timing(arrived_ns=1000, parent=PARENT, created_ns=(1130, 1200))
    steps = timeline(timing, PLAN)
    assert [step.description for step in steps[3:]] == [operation.describe() for operation in OPERATIONS[:2]]
    assert all(step.description for step in steps)


def test_a_container_not_started_has_no_steps_of_start() -> None:
    timing = Timing(arrived_ns=1000, parent=PARENT, created_ns=(1130, 1200))
    assert {step.phase for step in timeline(timing, PLAN)} == {"create"}


def test_without_the_parents_steps_the_worker_begins_at_arrival() -> None:
    assert brief(timeline(Timing(arrived_ns=1000, created_ns=(1130,)), PLAN)) == [("create", OPERATIONS[0].step, 0, 130)]


def test_more_times_than_steps_do_no_harm() -> None:
    timing = Timing(arrived_ns=0, created_ns=tuple(range(1, 10)))
    assert len(timeline(timing, PLAN)) == len(OPERATIONS)
