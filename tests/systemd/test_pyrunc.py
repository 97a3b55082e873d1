"""`pyrunc --systemd-cgroup`: scopes as an administrator sees them, limits by what they do."""

import itertools
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.systemd.manager import eventually, shown, systemctl
from tests.systemd.runtime import CGROUPS, STATE, UNIFIED, Bundle, controlled, nothing_left, run, units

_NUMBERS = itertools.count()
_FOREVER = ("/bin/sh", "-c", "trap 'exit 0' TERM; while :; do sleep 0.1; done")
_DENY = {"allow": False, "access": "rwm"}

memory = pytest.mark.skipif(not controlled("memory"), reason="no memory controller here")
pids = pytest.mark.skipif(not controlled("pids"), reason="no pids controller here")
cpu = pytest.mark.skipif(not controlled("cpu"), reason="no cpu controller here")


@pytest.fixture
def box(root: Path) -> Iterator[Bundle]:
    """A container's bundle; nothing is left of what was done with it."""
    number = next(_NUMBERS)
    folder = Path("/scratch", f"bundle{number}")
    folder.mkdir()
    bundle = Bundle(folder, root, f"box{number}")
    bundle.configure(*_FOREVER)
    with nothing_left(f"*box{number}*"):
        yield bundle
        bundle.delete()


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


# ── limits ──


@memory
def test_more_memory_than_allowed(box: Bundle) -> None:
    box.configure("/bin/sh", "-c", "exec tail /dev/zero", resources={"memory": {"limit": 32 << 20, "swap": 32 << 20}})
    box.pyrunc("create", box.id).checked()
    assert shown("MemoryMax", box.scope) == str(32 << 20)
    with subprocess.Popen(
        ["/usr/bin/pyrunc", "--root", STATE, "events", "--interval", "100ms", box.id], stdout=subprocess.PIPE, text=True
    ) as events:
        assert events.stdout is not None
        assert '"stats"' in events.stdout.readline()  # it watches
        box.pyrunc("start", box.id).checked()
        assert '"oom"' in events.stdout.read()
    eventually(lambda: box.state()["status"] == "stopped", "it was killed")


@memory
def test_the_exit_code_of_one_that_was_killed_for_want_of_memory(box: Bundle) -> None:
    box.configure("/bin/sh", "-c", "exec tail /dev/zero", resources={"memory": {"limit": 32 << 20, "swap": 32 << 20}})
    assert box.pyrunc("run", box.id).code == 137


@pids
def test_a_fork_bomb_is_stopped(box: Bundle) -> None:
    bomb = "i=0; while [ $i -lt 60 ]; do sleep 30 & i=$((i+1)); done"
    box.configure("/bin/sh", "-c", f"sh -c '{bomb}'; exec sleep 60", resources={"pids": {"limit": 12}})
    box.pyrunc("create", box.id).checked()
    assert shown("TasksMax", box.scope) == "12"
    current, events = box.cgroup(file="pids.current"), box.cgroup(file="pids.events")
    box.pyrunc("start", box.id).checked()
    eventually(lambda: int(events.read_text().split()[1]) > 0, "a fork was refused")
    assert int(current.read_text()) <= 12


@cpu
def test_a_quota_throttles(box: Bundle) -> None:
    box.configure("/bin/sh", "-c", "while :; do :; done", resources={"cpu": {"quota": 10_000, "period": 100_000}})
    box.start().checked()
    assert shown("CPUQuotaPerSecUSec", box.scope) == "100ms"
    statistics = [path for path in CGROUPS.rglob(f"{box.scope}/cpu.stat") if "nr_throttled" in path.read_text()]
    eventually(lambda: "nr_throttled 0\n" not in statistics[0].read_text(), "it was throttled")


def test_devices_that_are_not_allowed_are_denied_also_after_a_reload(box: Bundle) -> None:
    """1:11 is kmsg, 1:9 urandom, 1:5 zero, which no container is without."""
    script = """
        for number in 11 9 5; do mknod /dev/n$number c 1 $number; done
        try() { for number in 11 9 5; do head -c 1 /dev/n$number >/dev/null 2>&1 && echo $number; done; echo "end $1"; }
        try 1 >/dev/told
        until [ -e /dev/go ]; do sleep 0.1; done
        try 2 >>/dev/told
        while :; do sleep 1; done
    """
    box.configure(
        *("/bin/sh", "-c", script),
        resources={"devices": [_DENY, {"allow": True, "type": "c", "major": 1, "minor": 9, "access": "r"}]},
        process__capabilities={name: ["CAP_MKNOD", "CAP_DAC_OVERRIDE"] for name in ("bounding", "effective", "permitted")},
    )
    box.start().checked()
    assert "/dev/char/1:9" in shown("DeviceAllow", box.scope)
    inside = Path(f"/proc/{pid_of(box)}/root/dev")
    told = inside / "told"
    eventually(lambda: told.exists() and "end 1" in told.read_text(), "it has tried them")
    systemctl("daemon-reload")
    systemctl("daemon-reexec")
    (inside / "go").touch()
    eventually(lambda: "end 2" in told.read_text(), "it has tried them again")
    assert told.read_text().split() == ["9", "5", "end", "1", "9", "5", "end", "2"]


@pids
def test_limits_are_changed_live_and_stay_changed(box: Bundle) -> None:
    box.configure(*_FOREVER, resources={"pids": {"limit": 20}})
    box.start().checked()
    box.pyrunc("update", "--pids-limit", "33", box.id).checked()
    assert (shown("TasksMax", box.scope), box.cgroup(file="pids.max").read_text().strip()) == ("33", "33")
    systemctl("daemon-reload")
    systemctl("daemon-reexec")
    assert box.cgroup(file="pids.max").read_text().strip() == "33"
    box.pyrunc("update", "--pids-limit", "-1", box.id).checked()
    assert shown("TasksMax", box.scope) == "infinity"


@memory
@cpu
def test_a_reload_takes_no_limit_away(box: Bundle) -> None:
    limits = {"memory": {"limit": 64 << 20}, "cpu": {"quota": 33_333, "period": 100_000, "shares": 512}}
    box.configure(*_FOREVER, resources=limits)
    box.start().checked()
    files = [path for name in ("memory.max", "memory.limit_in_bytes") for path in CGROUPS.rglob(f"{box.scope}/{name}")]
    before = [path.read_text() for path in files]
    assert before
    systemctl("daemon-reload")
    assert [path.read_text() for path in files] == before
    quota = next(path for name in ("cpu.max", "cpu.cfs_quota_us") for path in CGROUPS.rglob(f"{box.scope}/{name}"))
    assert 33_333 <= int(quota.read_text().split()[0]) <= 34_000


def test_a_limit_that_nothing_enforces_is_refused(box: Bundle) -> None:
    box.configure(*_FOREVER, resources={"unified": {"nothing.max": "1"}})
    refused = box.start()
    assert refused.code == 1
    assert "linux.resources.unified" in refused.output


# ── what goes wrong ──


def test_a_name_that_is_taken_is_refused_and_its_holder_left_alone(box: Bundle) -> None:
    with subprocess.Popen([program("systemd-run"), "--scope", f"--unit={box.scope}", "sleep", "60"]) as holder:
        try:
            eventually(lambda: box.scope in units(box.scope), "the name is taken")
            refused = box.start()
            assert refused.code == 1
            assert "already loaded" in refused.output or "live in it" in refused.output
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
