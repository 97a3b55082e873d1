"""What is done at the moments of a restore."""

import os
from contextlib import ExitStack
from pathlib import Path

import pytest

from containerd_py.runtime.beginning import Beginning
from containerd_py.runtime.checkpoint import moments
from containerd_py.runtime.checkpoint.messages import Answer, Kind
from containerd_py.runtime.checkpoint.moments import Moments
from containerd_py.runtime.plan.plan import Plan
from containerd_py.runtime.spec.models import parse
from containerd_py.runtime.state import State, StateDirectory


def test_the_record_says_running_before_anything_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    steps: list[str] = []
    monkeypatch.setattr(moments, "put_right", lambda _plan, pid: steps.append(f"protected {pid == os.getpid()}"))
    directory = StateDirectory(str(tmp_path / "root"), "box")
    directory.make()
    spec = parse({"root": {"path": "rootfs"}, "process": {"args": ["x"]}})
    beginning = Beginning()
    heard = Moments(directory, spec, Plan((), ()), State("box", "creating", 0, "/b"), None, beginning, ExitStack())
    assert not beginning.has_come()
    heard.hear(Answer(Kind.NOTIFY, success=True, notification="post-restore", pid=os.getpid()), [])
    assert steps == ["protected True"]
    assert beginning.has_come()
    found = directory.read()
    assert (found.status, found.pid) == ("running", os.getpid())
    assert found.identity
    assert heard.process is not None
    heard.process.close()


def test_the_first_terminal_is_kept(tmp_path: Path) -> None:
    spec = parse({"root": {"path": "rootfs"}, "process": {"args": ["x"]}})
    directory = StateDirectory(str(tmp_path / "root"), "box")
    undo = ExitStack()
    heard = Moments(directory, spec, Plan((), ()), State("box", "creating", 0, "/b"), None, Beginning(), undo)
    master, slave = os.openpty()
    for _ in range(2):
        heard.hear(Answer(Kind.NOTIFY, success=True, notification="orphan-pts-master"), [master])
    os.close(slave)
    os.close(master)
    assert heard.terminal is not None
    assert os.isatty(heard.terminal.fileno())
    undo.close()  # the restore has failed
    assert repr(heard.terminal) == "Fd(closed)"
