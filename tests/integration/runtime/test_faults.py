"""Containers of the library under faults: a damaged record, a full disk, a creation that is killed. Needs root."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from containerd_py.errors import Conflict, Internal, InvalidArgument, NotFound, NotSupported, OutOfSpace
from containerd_py.light.dataclasses import replace
from containerd_py.runtime import Container, WaitStatus, creation, host, intel_rdt, parse
from containerd_py.runtime.init.worker import NAME
from containerd_py.runtime.plan.compiler import compile_plan
from tests.integration.runtime.workshop import PLACE, Workshop, document
from tests.unit.store.small_disk import fill, small_disk

MIB = 2**20
SLEEPING = {"process.args": ["sleep", "60"]}
WITHOUT_PID_NAMESPACE = {"linux.namespaces": [{"type": "mount"}]}


def members(container: Container) -> list[str]:
    """Return the processes in its cgroup, its sleeping children included."""
    return (Path(container.cgroups[0]) / "cgroup.procs").read_text().split()


# ── damaged records ──────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("content", ["", "{", '{"schema": 99}'])
@pytest.mark.parametrize("place", [None, f"{PLACE}/box"], ids=["ours", "asked for"])
def test_a_container_whose_state_is_damaged_is_discarded(shop: Workshop, content: str, place: str | None) -> None:
    """Its processes are found by the cgroup: where the document says, or where the state root has all of them."""
    asked = {"linux.cgroupsPath": place} if place else {}
    container = shop.sleeping({**SLEEPING, **WITHOUT_PID_NAMESPACE, **asked})
    state = shop.bundle / "state/box"
    (state / "state.json").write_text(content)
    with pytest.raises(Internal, match="cannot read state of container 'box'"):
        shop.load()
    assert Container.discard("box", state_root=str(shop.bundle / "state")) == ("state.json",)
    assert container.wait() == WaitStatus(None, signal.SIGKILL)
    assert not (shop.bundle / "state").exists()
    assert not [path for path in container.cgroups if os.path.exists(path)]
    for path in container.cgroups:
        assert not os.path.exists(os.path.dirname(path))


def test_parents_of_which_no_record_is_left_stay(shop: Workshop) -> None:
    """They may be anybody's."""
    container = shop.sleeping({**SLEEPING, "linux.cgroupsPath": f"{PLACE}/box"})
    for name in ("state", "plan"):
        (shop.bundle / f"state/box/{name}.json").write_text("garbage")
    assert Container.discard("box", state_root=str(shop.bundle / "state")) == ("state.json", "plan.json")
    assert container.wait() == WaitStatus(None, signal.SIGKILL)
    for path in container.cgroups:
        assert not os.path.exists(path)
        os.rmdir(os.path.dirname(path))


def test_a_class_of_service_goes_with_a_discarded_container(
    shop: Workshop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a directory in place of resctrl, which no host of these tests has."""
    container = shop.sleeping()
    state = shop.bundle / "state/box"
    document = json.loads((state / "config.json").read_text())
    document["linux"]["intelRdt"] = {"l3CacheSchema": "L3:0=f"}
    (state / "config.json").write_text(json.dumps(document))
    (state / "state.json").write_text("garbage")
    (tmp_path / "box").mkdir()
    monkeypatch.setattr(intel_rdt, "find_resctrl", lambda: str(tmp_path))
    Container.discard("box", state_root=str(shop.bundle / "state"))
    assert container.wait() == WaitStatus(None, signal.SIGKILL)
    assert not (tmp_path / "box").exists()


def test_the_hooks_of_a_discarded_container_are_run(shop: Workshop, tmp_path: Path) -> None:
    """Its document is whole; of the state they are told what is still known."""
    hook = {"path": "/bin/sh", "args": ["sh", "-c", f"cat >{tmp_path}/told"], "env": ["PATH=/bin:/usr/bin"]}
    container = shop.sleeping({**SLEEPING, "hooks": {"poststop": [hook]}, "annotations": {"a": "b"}})
    (shop.bundle / "state/box/state.json").write_text("garbage")
    assert Container.discard("box", state_root=str(shop.bundle / "state")) == ("state.json",)
    assert container.wait() == WaitStatus(None, signal.SIGKILL)
    told = json.loads((tmp_path / "told").read_text())
    assert (told["id"], told["status"], told["bundle"], told["annotations"]) == ("box", "stopped", "", {"a": "b"})


def test_all_records_may_be_damaged(shop: Workshop) -> None:
    container = shop.sleeping()
    for name in ("state", "config", "plan"):
        (shop.bundle / f"state/box/{name}.json").write_text("garbage")
    damaged = Container.discard("box", state_root=str(shop.bundle / "state"))
    assert damaged == ("state.json", "config.json", "plan.json")
    assert container.wait() == WaitStatus(None, signal.SIGKILL)


@pytest.mark.parametrize("place", [None, f"{PLACE}/box"], ids=["ours", "asked for"])
def test_one_whose_state_is_gone_is_removed_with_its_processes_by_force_only(shop: Workshop, place: str | None) -> None:
    asked = {"linux.cgroupsPath": place} if place else {}
    container = shop.sleeping({**SLEEPING, **asked})
    (shop.bundle / "state/box/state.json").unlink()
    with pytest.raises(Conflict, match="is gone, and processes live in its cgroup /"):
        Container.forget("box", state_root=str(shop.bundle / "state"))
    assert members(container)
    assert Container.forget("box", state_root=str(shop.bundle / "state"), force=True)
    assert container.wait() == WaitStatus(None, signal.SIGKILL)
    assert not (shop.bundle / "state").exists()
    assert not [path for path in container.cgroups if os.path.exists(path)]


def test_what_is_whole_or_not_there_is_not_discarded(shop: Workshop) -> None:
    shop.sleeping()
    with pytest.raises(Conflict, match="cannot discard container 'box': its state is whole"):
        Container.discard("box", state_root=str(shop.bundle / "state"))
    with pytest.raises(NotFound):
        Container.discard("other", state_root=str(shop.bundle / "state"))
    assert shop.load().state().status == "running"


@pytest.mark.parametrize("content", ["", "[]", '{"root": 7}'])
def test_a_damaged_document_does_not_keep_a_container_from_being_destroyed(
    shop: Workshop, content: str, caplog: pytest.LogCaptureFixture
) -> None:
    container = shop.sleeping()
    (shop.bundle / "state/box/config.json").write_text(content)
    loaded = shop.load()
    if content != '{"root": 7}':  # hooks are all that is read of it here
        with pytest.raises(Internal, match="cannot read document of container 'box'") as caught:
            loaded.spec  # noqa: B018 - the property is what is tried
        assert "config.json" in str(caught.value.hint)
    loaded.destroy(force=True)
    if content != '{"root": 7}':
        assert "cannot read document of container 'box'" in caplog.text
    assert container.wait() == WaitStatus(None, signal.SIGKILL)


@pytest.mark.parametrize("content", ["", "[]", '{"linux": {"namespaces": [7]}}'])
def test_a_damaged_document_does_not_keep_a_container_from_being_killed(shop: Workshop, content: str) -> None:
    container = shop.sleeping()
    (shop.bundle / "state/box/config.json").write_text(content)
    shop.load().kill()
    assert container.wait() == WaitStatus(None, signal.SIGKILL)
    shop.load().destroy(force=True)


def test_a_damaged_plan_is_told_where_it_is_wanted(shop: Workshop, rootfs: Path) -> None:
    (rootfs / "bin/garbage").write_bytes(b"\0\1")
    (rootfs / "bin/garbage").chmod(0o755)
    container = shop.create({"process.args": ["garbage"]})
    (shop.bundle / "state/box/plan.json").write_text("{}")
    with pytest.raises(Internal, match="cannot read plan of container 'box'"):
        container.start()
    shop.load().destroy(force=True)


# ── a full disk ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_full_disk_hinders_nothing_but_creation(shop: Workshop) -> None:
    """SECURITY R14; what start cannot write down is known without it."""
    with small_disk(size="128k") as disk:
        root = f"{disk}/state"
        container = Container.create("box", parse(document(SLEEPING)), state_root=root, bundle=str(shop.bundle))
        fill(disk)
        with pytest.raises(OutOfSpace, match="cannot write"):
            Container.create("other", parse(document(SLEEPING)), state_root=root, bundle=str(shop.bundle))
        assert [state.id for state in Container.list(root)] == ["box"]
        container.start()
        assert container.state().status == "running"
        with Container.load("box", state_root=root) as loaded:
            assert loaded.state().status == "running"
            loaded.kill()
            assert container.wait() == WaitStatus(None, signal.SIGKILL)
            assert loaded.state().status == "stopped"
        assert os.listdir(disk) == ["filler"]
        container.close()


# ── a creation that is killed ────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("place", [None, f"{PLACE}/above/box"], ids=["ours", "asked for"])
def test_what_a_killed_creation_left_goes_with_its_parents(shop: Workshop, place: str | None) -> None:
    hook = {"path": "/bin/sh", "args": ["sh", "-c", "kill -9 $PPID"]}
    asked = {"linux.cgroupsPath": place} if place else {}
    spec = document({**SLEEPING, **asked, "hooks": {"createRuntime": [hook]}})
    ended = subprocess.run(
        [sys.executable, "-c", _CREATE, repr(spec), str(shop.bundle)], stdin=subprocess.DEVNULL, check=False
    )
    assert ended.returncode == -signal.SIGKILL
    left = shop.load()
    assert left.state().status in ("creating", "stopped")
    parents = {os.path.dirname(path) for path in left.cgroups}
    assert all(map(os.path.isdir, parents))
    left.destroy(force=True)
    assert not [path for path in parents if os.path.exists(path)]
    if place:
        assert not [path for path in parents if os.path.exists(os.path.dirname(path))]


@pytest.mark.parametrize("place", [None, f"{PLACE}/above/box"], ids=["ours", "asked for"])
def test_what_was_killed_before_it_had_a_worker_is_discarded_with_its_parents(shop: Workshop, place: str | None) -> None:
    """Those that were made for a cgroup of the caller's are known by the outline alone, where the state is damaged."""
    asked = {"linux.cgroupsPath": place} if place else {}
    words = [sys.executable, "-c", _DIE_LAUNCHING + _CREATE, repr(document({**SLEEPING, **asked})), str(shop.bundle)]
    assert subprocess.run(words, stdin=subprocess.DEVNULL, check=False).returncode == -signal.SIGKILL
    parents = {os.path.dirname(path) for path in shop.load().cgroups}
    assert all(map(os.path.isdir, parents))
    (shop.bundle / "state/box/state.json").write_text("garbage")
    Container.discard("box", state_root=str(shop.bundle / "state"))
    assert not [path for path in parents if os.path.exists(path)]
    if place:
        assert not [path for path in parents if os.path.exists(os.path.dirname(path))]


@pytest.fixture(params=["with cgroup v2", "without"])
def layout(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """With it the worker is forked once it has its cgroup, without it before."""
    found = host.probe()
    if request.param == "without":
        if not found.cgroups.v1:
            pytest.skip("this host has cgroup v2 alone")
        without = replace(found, cgroups=replace(found.cgroups, v2=None, v2_controllers=()))
        monkeypatch.setattr(creation, "probe", lambda: without)
    return str(request.param)


def our_children() -> list[str]:
    return Path("/proc/thread-self/children").read_text().split()


@pytest.mark.usefixtures("layout")
def test_a_creation_that_fails_while_its_worker_is_forked_leaves_none(
    shop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(*_given: object) -> None:
        raise NotSupported("cannot compile")

    before = our_children()
    monkeypatch.setattr(creation, "compile_plan", failing)
    with pytest.raises(NotSupported, match="cannot compile"):
        shop.create(SLEEPING)
    assert our_children() == before
    assert not (shop.bundle / "state").exists()


@pytest.mark.usefixtures("layout")
def test_a_worker_that_ended_before_its_plan_is_told(shop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    before = our_children()

    def slow(*given: Any) -> Any:
        wait_until(lambda: any(is_worker(pid) for pid in our_children()))
        made = [pid for pid in our_children() if pid not in before]
        for pid in filter(is_worker, made):
            os.kill(int(pid), signal.SIGKILL)
        wait_until(lambda: all(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z" for pid in made))
        return compile_plan(*given)

    monkeypatch.setattr(creation, "compile_plan", slow)
    with pytest.raises(Conflict, match="its init worker was ended by SIGKILL"):
        shop.create(SLEEPING)
    assert not (shop.bundle / "state").exists()


@pytest.mark.parametrize("hidden", [False, True])
def test_a_worker_ends_with_a_creation_that_is_killed_before_it_has_its_plan(shop: Workshop, *, hidden: bool) -> None:
    words = [sys.executable, "-c", _CREATE_AND_DIE, repr(document(SLEEPING)), str(shop.bundle), str(hidden)]
    ended = subprocess.run(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, check=False)
    assert ended.returncode == -signal.SIGKILL
    worker = ended.stdout.strip()
    assert worker
    wait_until(lambda: not is_worker(worker))
    shop.load().destroy(force=True)


def is_worker(pid: str) -> bool:
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip() == NAME
    except (FileNotFoundError, ProcessLookupError):
        return False


def wait_until(told: Callable[[], bool]) -> None:
    end = time.monotonic() + 30
    while not told():
        assert time.monotonic() < end
        time.sleep(0.01)


_CREATE_AND_DIE = """
import ast, os, signal, sys, time
from containerd_py.runtime import Container, creation, parse
found = creation.probe()
if sys.argv[3] == "True":
    from containerd_py.light.dataclasses import replace
    found = replace(found, cgroups=replace(found.cgroups, v2=None, v2_controllers=()))
creation.probe = lambda: found

def die(*given):
    while True:
        for pid in open("/proc/thread-self/children").read().split():
            if open(f"/proc/{pid}/comm").read().strip() == "pyc:[1:INIT]":
                os.write(1, pid.encode())
                os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(0.01)

creation.compile_plan = die
Container.create("box", parse(ast.literal_eval(sys.argv[1])), state_root=sys.argv[2] + "/state", bundle=sys.argv[2])
"""

_DIE_LAUNCHING = """
import os, signal
from containerd_py.runtime import creation
creation.launch = lambda *given: os.kill(os.getpid(), signal.SIGKILL)
"""

_CREATE = """
import ast, sys
from containerd_py.runtime import Container, parse
Container.create("box", parse(ast.literal_eval(sys.argv[1])), state_root=sys.argv[2] + "/state", bundle=sys.argv[2])
"""


# ── limits that are too small for the worker ─────────────────────────────────────────────────────────────────────────


def test_a_memory_limit_that_kills_the_worker_is_told(shop: Workshop) -> None:
    with pytest.raises(
        InvalidArgument, match=r"the limit \(linux\.resources\.memory\.limit\) is too small for its init worker"
    ) as caught:
        shop.create({"linux.resources": {"memory": {"limit": 8192}}})
    assert (caught.value.step, caught.value.errno) == ("memory", "ENOMEM")
    assert "linux.resources.memory.limit" in str(caught.value.hint)
    assert not (shop.bundle / "state").exists()


@pytest.mark.parametrize("number", [3, 4, 9])
@pytest.mark.parametrize("no_new_privileges", [False, True])
def test_few_descriptors_do_not_hinder_us(shop: Workshop, number: int, *, no_new_privileges: bool) -> None:
    limit = {"type": "RLIMIT_NOFILE", "soft": number, "hard": number}
    hook = {"path": "/bin/sh", "args": ["sh", "-c", "cat >/dev/null"]}
    changes = {
        "process.args": ["sh", "-c", "ulimit -n; ulimit -Hn"],
        "process.rlimits": [limit],
        "process.noNewPrivileges": no_new_privileges,
        "process.user": {"uid": 1000, "gid": 1000},
        "hooks": {"startContainer": [hook]},
    }
    with shop.create(changes) as container:
        container.start()
        assert container.wait() == WaitStatus(0, None)
    assert shop.read() == f"{number}\n{number}\n"


# ── filters ──────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("no_new_privileges", [False, True])
@pytest.mark.parametrize("action", ["SCMP_ACT_ERRNO", "SCMP_ACT_KILL_PROCESS"])
def test_a_filter_may_forbid_to_change_signals(shop: Workshop, action: str, *, no_new_privileges: bool) -> None:
    calls = ["rt_sigaction", "rt_sigprocmask", "close_range", "setitimer", "timer_create"]
    profile: dict[str, Any] = {
        "defaultAction": "SCMP_ACT_ALLOW",
        "syscalls": [{"names": calls, "action": action}],
    }
    changes = {"process.args": ["true"], "linux.seccomp": profile, "process.noNewPrivileges": no_new_privileges}
    with shop.create(changes) as container:
        container.start()
        ended = container.wait()
    assert ended in (WaitStatus(0, None), WaitStatus(None, signal.SIGSYS)), "what BusyBox itself calls is its own affair"
