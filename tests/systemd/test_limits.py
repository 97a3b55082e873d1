"""Limits of scopes by what they do, of the daemon's containers and of pyrunc's, and that no reload takes one away."""

import subprocess
from pathlib import Path

import pytest

from containerd_py.client.sync import SyncClient
from containerd_py.wire import ResourcesSpec, UpdateRequest
from tests.systemd.manager import eventually, output, removed, shown, started, systemctl
from tests.systemd.runtime import CGROUPS, STATE, Bundle, controlled

_IDLE = "trap 'exit 0' TERM; while :; do sleep 0.1; done"
_FOREVER = ("/bin/sh", "-c", _IDLE)
_DENY = {"allow": False, "access": "rwm"}

memory = pytest.mark.skipif(not controlled("memory"), reason="no memory controller here")
pids = pytest.mark.skipif(not controlled("pids"), reason="no pids controller here")
cpu = pytest.mark.skipif(not controlled("cpu"), reason="no cpu controller here")


def scope(container: str) -> str:
    return f"pycontainerd-{container}.scope"


def files(unit: str, *names: str) -> list[Path]:
    """Return the control files of some names that the cgroups of a unit have."""
    return [path for name in names for path in CGROUPS.rglob(f"{unit}/{name}")]


# ── the daemon ──


@memory
def test_more_memory_than_allowed_is_told(root: Path) -> None:
    limits = ResourcesSpec(memory_bytes=32 << 20)
    for _ in range(3):
        container = started(root, "exec tail /dev/zero", resources=limits)
        with SyncClient() as client:
            ended = client.wait(container)
        assert (ended.reason, ended.signal, ended.oom_killed, ended.stopped_by) == ("oom", "SIGKILL", True, None)
        removed(container)


@memory
@pids
@cpu
def test_limits_are_properties_and_stay_over_reloads(root: Path) -> None:
    container = started(root, _IDLE, resources=ResourcesSpec(memory_bytes=64 << 20, pids=20, cpus=0.5))
    unit = scope(container)
    assert shown("MemoryMax", unit) == str(64 << 20)
    assert (shown("TasksMax", unit), shown("CPUQuotaPerSecUSec", unit)) == ("20", "500ms")
    with SyncClient() as client:
        client.update(container, UpdateRequest(resources=ResourcesSpec(memory_bytes=96 << 20, pids=None)))
    assert (shown("MemoryMax", unit), shown("TasksMax", unit)) == (str(96 << 20), "infinity")
    told = {path: path.read_text() for path in files(unit, "memory.max", "memory.limit_in_bytes")}
    assert set(told.values()) == {f"{96 << 20}\n"}
    systemctl("daemon-reload")
    systemctl("daemon-reexec")
    assert {path: path.read_text() for path in told} == told
    removed(container)


@pids
def test_limits_can_be_changed_after_systemd_was_executed_anew(root: Path) -> None:
    container = started(root, _IDLE)
    systemctl("daemon-reexec")
    with SyncClient() as client:
        client.update(container, UpdateRequest(resources=ResourcesSpec(pids=33)))
    assert shown("TasksMax", scope(container)) == "33"
    removed(container)


def test_the_default_devices_stay_over_reloads(root: Path) -> None:
    container = started(root, "until [ -e /dev/go ]; do sleep 0.1; done; head -c 3 /dev/zero | wc -c")
    with SyncClient() as client:
        pid = client.container(container).pid
    systemctl("daemon-reload")
    Path(f"/proc/{pid}/root/dev/go").touch()
    with SyncClient() as client:
        client.wait(container)
    assert output(container) == b"3\n"
    removed(container)


# ── pyrunc ──


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
    statistics = next(path for path in files(box.scope, "cpu.stat") if "nr_throttled" in path.read_text())
    eventually(lambda: "nr_throttled 0\n" not in statistics.read_text(), "it was throttled")


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
    inside = Path(f"/proc/{box.state()['pid']}/root/dev")
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
    held = files(box.scope, "memory.max", "memory.limit_in_bytes")
    before = [path.read_text() for path in held]
    assert before
    systemctl("daemon-reload")
    assert [path.read_text() for path in held] == before
    quota = files(box.scope, "cpu.max", "cpu.cfs_quota_us")[0]
    assert 33_333 <= int(quota.read_text().split()[0]) <= 34_000


def test_a_limit_that_nothing_enforces_is_refused(box: Bundle) -> None:
    box.configure(*_FOREVER, resources={"unified": {"nothing.max": "1"}})
    refused = box.start()
    assert refused.code == 1
    assert "linux.resources.unified" in refused.output
