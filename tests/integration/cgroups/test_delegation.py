"""An ordinary user: a cgroup v2 that was delegated is used; without one there is none, and a limit is refused."""

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from containerd_py.errors import ContainerdError
from containerd_py.runtime.cgroups import layout, manager
from containerd_py.runtime.cgroups.layout import Layout
from containerd_py.runtime.cgroups.manager import CgroupManager
from containerd_py.runtime.cgroups.resources import DeviceRule, Resources
from containerd_py.runtime.cgroups.unified import delegate

USER = 1000
HOST = layout.probe()


@pytest.fixture
def session() -> Iterator[Path]:
    """A cgroup as systemd delegates it, with one below for the user's own processes."""
    assert HOST.v2 is not None
    path = Path(HOST.v2, f"pycontainerd-test-{os.getpid()}")
    (path / "shell").mkdir(parents=True)
    delegate(str(path), USER)
    os.chown(path / "shell", USER, USER)
    yield path
    (path / "shell").rmdir()
    path.rmdir()


def as_user(place: Path, resources: Resources) -> dict[str, Any]:
    """Return what a user whose processes are in `place` gets: the directories, or the error."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            (place / "cgroup.procs").write_text("0")
            os.setgroups([])
            os.setresgid(USER, USER, USER)
            os.setresuid(USER, USER, USER)
            os.write(writing, json.dumps(_make(layout.probe(), resources)).encode())
            code = 0
        finally:
            os._exit(code)
    os.close(writing)
    with os.fdopen(reading) as answer:
        text = answer.read()
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    found: dict[str, Any] = json.loads(text)
    return found


def _make(host: Layout, resources: Resources) -> dict[str, Any]:
    cgroups = CgroupManager(host)
    try:
        cgroup = cgroups.create(cgroups.default_path("box"), resources)
    except ContainerdError as problem:
        return {"kind": problem.kind, "message": problem.message, "hint": problem.hint}
    manager.remove_wait(cgroup, timeout_s=5)
    return {"paths": cgroup.paths}


def test_a_delegated_cgroup_is_used(session: Path) -> None:
    assert as_user(session / "shell", Resources()) == {"paths": [str(session / "box")]}


def test_who_has_none_does_without(session: Path) -> None:
    os.chown(session, 0, 0)
    assert as_user(session / "shell", Resources(devices=(DeviceRule(allow=False),))) == {"paths": []}


@pytest.mark.skipif(
    "pids" not in HOST.v1, reason="the pids controller of v1 is nobody's but root's; that of v2 may be delegated"
)
def test_who_asks_for_a_limit_is_told_what_is_missing(session: Path) -> None:
    assert as_user(session / "shell", Resources(pids_limit=5)) == {
        "kind": "unavailable",
        "message": "cannot make cgroup 'box': Permission denied",
        "hint": "the cgroup file system is not writable for us: run as root, or with a delegated cgroup",
    }


def test_this_test_runs_as_root() -> None:
    assert os.geteuid() == 0, f"{sys.executable} must run as root"
