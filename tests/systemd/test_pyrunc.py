"""`pyrunc --systemd-cgroup`: scopes as an administrator sees them, limits by what they do."""

import os
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from tests.systemd.manager import eventually, shown, systemctl
from tests.systemd.runtime import STATE, UNIFIED, Bundle, run, units

_FOREVER = ("/bin/sh", "-c", "trap 'exit 0' TERM; while :; do sleep 0.1; done")
_DENY = {"allow": False, "access": "rwm"}


def program(name: str) -> str:
    found = shutil.which(name)
    assert found is not None
    return found


def pid_of(box: Bundle) -> int:
    pid: int = box.state()["pid"]
    return pid


# ── the scope ──


def test_a_container_is_a_scope(box: Bundle) -> None:
    box.start().checked()
    assert shown("ActiveState", box.scope) == "active"
    assert shown("Slice", box.scope) == "system.slice"
    assert shown("Delegate", box.scope) == "yes"
    assert shown("CollectMode", box.scope) == "inactive-or-failed"
    assert shown("TasksMax", box.scope) == "infinity"
    assert box.id in shown("Description", box.scope)
    lies_in = Path(f"/proc/{pid_of(box)}/cgroup").read_text().splitlines()
    assert f"0::/system.slice/{box.scope}" in lies_in


def test_its_end_is_the_scope_s_end(box: Bundle) -> None:
    box.configure("/bin/sh", "-c", "exit 7")
    assert box.pyrunc("run", box.id).code == 7
    eventually(lambda: box.scope not in units(box.scope), "the scope is gone")


def test_a_container_that_was_created_is_in_its_scope_before_it_starts(box: Bundle) -> None:
    box.pyrunc("create", box.id).checked()
    assert box.scope in Path(f"/proc/{pid_of(box)}/cgroup").read_text()
    box.pyrunc("start", box.id).checked()


def test_slice_prefix_and_name(box: Bundle) -> None:
    box.configure(*_FOREVER, linux__cgroupsPath=f"my-own.slice:libpod:{box.id}")
    box.start().checked()
    scope = f"libpod-{box.id}.scope"
    assert shown("Slice", scope) == "my-own.slice"
    assert f"/my.slice/my-own.slice/{scope}" in Path(f"/proc/{pid_of(box)}/cgroup").read_text()


@pytest.mark.parametrize("path", ["/a/path", "a:b", "x:y:z", "a.slice:b:", "a.slice:b:c.slice"])
def test_what_is_no_place_is_refused(box: Bundle, path: str) -> None:
    box.configure(*_FOREVER, linux__cgroupsPath=path)
    refused = box.start()
    assert refused.code == 1
    assert "linux.cgroupsPath" in refused.output or "slice" in refused.output


def test_further_processes_are_in_the_scope(box: Bundle) -> None:
    """In a cgroup namespace too, where systemd has mounted cgroups with nsdelegate."""
    namespaces = [{"type": kind} for kind in ("pid", "network", "ipc", "uts", "mount", "cgroup")]
    box.configure(*_FOREVER, linux__namespaces=namespaces)
    box.start().checked()
    assert "0::/\n" in box.pyrunc("exec", box.id, "/bin/cat", "/proc/self/cgroup").checked()
    box.pyrunc("exec", "--detach", box.id, "/bin/sleep", "60").checked()
    processes = (UNIFIED / "system.slice" / box.scope / "cgroup.procs").read_text().split()
    assert len(processes) >= 2


def test_one_id_again_and_again(box: Bundle) -> None:
    """The unit of the container before may still be there when its successor comes."""
    for _ in range(8):
        box.start().checked()
        box.pyrunc("delete", "--force", box.id).checked()


def test_a_stop_by_systemd_is_an_end(box: Bundle) -> None:
    box.start().checked()
    systemctl("stop", box.scope)
    assert box.state()["status"] == "stopped"


def test_one_whose_record_is_damaged_is_removed_with_its_scope(box: Bundle) -> None:
    box.start().checked()
    Path(STATE, box.id, "state.json").write_text("{")
    box.pyrunc("delete", "--force", box.id).checked()
    eventually(lambda: not units(box.scope), "the scope is gone")


# ── what goes wrong ──


def test_a_name_that_is_taken_is_refused_and_its_holder_left_alone(box: Bundle) -> None:
    with subprocess.Popen([program("systemd-run"), "--scope", f"--unit={box.scope}", "sleep", "60"]) as holder:
        try:
            eventually(lambda: box.scope in units(box.scope), "the name is taken")
            refused = box.start()
            assert refused.code == 1
            assert "already loaded" in refused.output or "cgroup is not empty" in refused.output
            assert holder.poll() is None
        finally:
            holder.kill()


def test_a_masked_slice(box: Bundle) -> None:
    systemctl("mask", "--runtime", "masked.slice")
    try:
        box.configure(*_FOREVER, linux__cgroupsPath=f"masked.slice:x:{box.id}")
        refused = box.start()
        assert refused.code == 1
        assert "slice" in refused.output
    finally:
        systemctl("unmask", "--runtime", "masked.slice")


def hidden(box: Bundle, *places: str, environment: dict[str, str] | None = None) -> tuple[int, str]:
    """Run the container's creation where sockets of systemd's are not there."""
    hide = " && ".join(f"mount --bind /dev/null {place}" for place in places)
    command = f"{hide} && exec pyrunc --root {STATE} --systemd-cgroup run --detach {box.id}"
    done = run(["unshare", "--mount", "sh", "-c", command], cwd=box.folder, environment=os.environ | (environment or {}))
    return done.code, done.output


def test_without_the_manager_s_own_socket_it_goes_by_the_bus(box: Bundle) -> None:
    assert hidden(box, "/run/systemd/private")[0] == 0
    assert shown("ActiveState", box.scope) == "active"


def test_without_any_way_to_systemd_nothing_is_made(box: Bundle) -> None:
    code, told = hidden(box, "/run/systemd/private", "/run/dbus/system_bus_socket")
    assert code == 1
    assert "cannot reach systemd" in told


def test_stop_and_removal_need_no_bus(box: Bundle) -> None:
    box.start().checked()
    hide = "mount --bind /dev/null /run/systemd/private && mount --bind /dev/null /run/dbus/system_bus_socket"
    command = f"{hide} && exec pyrunc --root {STATE} delete --force {box.id}"
    run(["unshare", "--mount", "sh", "-c", command]).checked()


def test_who_is_not_permitted_is_told_so(box: Bundle) -> None:
    asking = """
import os
from containerd_py.runtime.cgroups.systemd.client import Client
from containerd_py.runtime.cgroups.systemd.bus import system_addresses
from containerd_py.errors import ContainerdError
os.setgid(65534)
os.setuid(65534)
with Client(system_addresses({})) as client:
    try:
        client.start("nobody.scope", [], os.getpid(), os.pidfd_open(os.getpid())).wait()
    except ContainerdError as problem:
        print(problem.kind, problem.message, problem.hint)
"""
    told = run([sys.executable, "-c", asking], cwd=box.folder).checked()
    assert told.startswith("forbidden cannot start scope 'nobody.scope'")
    assert units("nobody.scope") == []


def test_a_process_that_ends_too_soon_leaves_no_unit(box: Bundle) -> None:
    box.configure("/bin/nothing-like-it")
    assert box.start().code == 1
    box.configure(*_FOREVER, root__path="/scratch/nowhere")
    assert box.start().code == 1


@pytest.mark.timeout(240)
def test_reloads_and_reexecution_under_load(box: Bundle) -> None:
    """Every container is made, has its limits, and ends as it should, whatever systemd is doing."""
    stopping = threading.Event()

    def disturb() -> None:
        while not stopping.is_set():
            run(["systemctl", "daemon-reload"])
            run(["systemctl", "daemon-reexec"])
            time.sleep(0.2)

    disturbing = threading.Thread(target=disturb)
    disturbing.start()
    try:
        box.configure("/bin/sh", "-c", "grep -q 0::/system.slice/pycontainerd- /proc/self/cgroup && exit 9")
        codes = [box.pyrunc("run", box.id) for _ in range(4)]
        assert [(one.code, one.output) for one in codes] == [(9, "")] * 4
    finally:
        stopping.set()
        disturbing.join()
