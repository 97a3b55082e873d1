"""What a worker does not do for the sake of its attributes."""

import os
import socket

import pytest

from containerd_py.runtime.init import attributes
from containerd_py.runtime.init.steps import Context
from containerd_py.runtime.linux import process, procfs
from containerd_py.runtime.linux.fd import Fd
from containerd_py.runtime.plan import operations as op


def test_a_worker_that_may_not_set_its_oom_score_adj_does_not_let_itself_be_traced(monkeypatch: pytest.MonkeyPatch) -> None:
    """It may be in a container that runs, beside a payload that may trace whoever is dumpable there."""

    def refuse(*_arguments: object) -> None:
        raise PermissionError(13, "refused")

    monkeypatch.setattr(procfs, "write", refuse)
    monkeypatch.setattr(process, "set_dumpable", lambda value: pytest.fail(f"dumpable {value}"))
    ours, theirs = socket.socketpair()
    with ours, theirs, Fd(os.open("/proc", os.O_PATH)) as opened, pytest.raises(PermissionError):
        attributes.set_oom_score_adj(Context({}, ours, procfs=opened), op.SetOomScoreAdj(777))
