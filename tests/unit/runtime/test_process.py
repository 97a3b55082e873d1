"""What the end of a worker without a word means."""

import signal

import pytest

from containerd_py.errors import Conflict, ContainerdError, Internal, InvalidArgument
from containerd_py.runtime.linux.pidfd import WaitStatus
from containerd_py.runtime.plan import operations as op
from containerd_py.runtime.plan.plan import Plan
from containerd_py.runtime.process import vanished

PLAN = Plan((), (op.AwaitStart(), op.Exec(("/bin/true",), ())))


@pytest.mark.parametrize(
    ("status", "oom_kills", "kind", "step"),
    [
        (None, 0, Internal, "init"),
        (WaitStatus(None, signal.SIGKILL), 0, Conflict, "init"),
        (WaitStatus(None, signal.SIGTERM), 0, Conflict, "init"),
        (WaitStatus(None, 40), 0, Conflict, "init"),
        (WaitStatus(None, signal.SIGSEGV), 0, Internal, "init"),
        (WaitStatus(None, signal.SIGKILL), 1, InvalidArgument, "memory"),
        (WaitStatus(None, None), 1, InvalidArgument, "memory"),
        (None, 2, InvalidArgument, "memory"),
        (WaitStatus(1, None), 1, Internal, "init"),
        (WaitStatus(None, signal.SIGSYS), 1, InvalidArgument, "seccomp"),
    ],
)
def test_why_a_worker_ended(status: WaitStatus | None, oom_kills: int, kind: type[ContainerdError], step: str) -> None:
    """What was killed for want of memory beside it is no reason for an end that has another."""
    problem = vanished(PLAN, status, oom_kills=oom_kills)
    assert (type(problem), problem.step) == (kind, step)
    assert problem.message.startswith("cannot execute /bin/true: ")
    assert problem.hint
