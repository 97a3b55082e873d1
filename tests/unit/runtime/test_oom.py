"""A parent sets oom_score_adj of a child by its pidfd."""

import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from containerd_py.runtime.linux.fd import Fd
from containerd_py.runtime.linux.process import capget, capset
from containerd_py.runtime.oom import set_oom_score_adj
from containerd_py.runtime.plan.operations import Operation, PivotRoot, SetOomScoreAdj
from containerd_py.runtime.plan.plan import Plan

_CAP_SYS_RESOURCE = 24


@pytest.fixture
def child() -> Iterator[int]:
    with subprocess.Popen(["/bin/sleep", "60"]) as sleeping:
        yield sleeping.pid
        sleeping.send_signal(signal.SIGKILL)


@pytest.fixture
def unprivileged() -> Iterator[None]:
    """This thread without the right to lower anybody's."""
    effective, permitted, inheritable = capget()
    capset(effective & ~(1 << _CAP_SYS_RESOURCE), permitted, inheritable)
    yield
    capset(effective, permitted, inheritable)


def plan(*operations: Operation) -> Plan:
    return Plan((), (PivotRoot(), *operations))


def test_what_the_plan_sets_is_set(child: int) -> None:
    with Fd(os.pidfd_open(child)) as pidfd:
        set_oom_score_adj(plan(), child, pidfd.fileno())
        assert Path(f"/proc/{child}/oom_score_adj").read_text() == Path("/proc/self/oom_score_adj").read_text()
        set_oom_score_adj(plan(SetOomScoreAdj(987)), child, pidfd.fileno())
    assert Path(f"/proc/{child}/oom_score_adj").read_text() == "987\n"


@pytest.mark.usefixtures("unprivileged")
def test_what_we_may_not_set_is_left_to_the_worker(child: int) -> None:
    with Fd(os.pidfd_open(child)) as pidfd:
        set_oom_score_adj(plan(SetOomScoreAdj(-1000)), child, pidfd.fileno())
    assert Path(f"/proc/{child}/oom_score_adj").read_text() != "-1000\n"


def test_a_process_that_is_gone_is_told() -> None:
    with subprocess.Popen(["/bin/true"]) as ended:
        pidfd = Fd(os.pidfd_open(ended.pid))
        ended.wait()
    with pidfd, pytest.raises((ProcessLookupError, FileNotFoundError)):
        set_oom_score_adj(plan(SetOomScoreAdj(1)), ended.pid, pidfd.fileno())
