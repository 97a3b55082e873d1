"""Looking at containers and changing them: pause, resume, update, events, list, ps, features, spec, the log."""

import json
import os
import re
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from tests.oci.containers import Container, Containers, eventually

MIB = 2**20
_COMMAND_LINES = pytest.mark.xdist_group("command lines")  # not beside those who keep them from being read
COUNTING = {"process.args": ["/bin/sh", "-c", "while :; do echo x; sleep 0.01; done"]}


def test_a_paused_container_does_nothing(oci: Containers) -> None:
    box = oci.start(COUNTING).await_output("x\nx\n")
    oci.runtime("pause", box.id).ok()
    assert box.status() == "paused"
    before = len(box.output())
    time.sleep(0.2)
    assert len(box.output()) == before
    oci.runtime("resume", box.id).ok()
    assert box.status() == "running"
    eventually(lambda: len(box.output()) > before, what="more output")


@pytest.mark.lacks("crun", "refuses it", some=True)
def test_a_container_that_waits_for_its_start_can_be_paused(oci: Containers) -> None:
    box = oci.create()
    oci.runtime("pause", box.id).ok()
    assert box.status() == "paused"
    assert oci.runtime("start", box.id).code == 1
    oci.runtime("resume", box.id).ok()
    assert box.status() == "created"


def test_a_paused_container_can_be_deleted_with_force(oci: Containers) -> None:
    box = oci.start()
    oci.runtime("pause", box.id).ok()
    box.delete("--force").ok()
    oci.nothing_left(box.id)


def test_it_can_be_deleted_where_only_cgroup_v1_freezes(oci: Containers) -> None:
    """What its freezer holds does not die by a signal before it is thawed."""
    hide = "grep -q ' /sys/fs/cgroup/unified cgroup2 ' /proc/mounts && umount --lazy /sys/fs/cgroup/unified; exec \"$@\""
    oci.runtime.through = ("unshare", "--mount", "--propagation", "private", "/bin/sh", "-c", hide, "sh")
    box = oci.start()
    oci.runtime("pause", box.id).ok()
    box.delete("--force").ok()
    oci.nothing_left(box.id)


@pytest.mark.lacks("crun", "tells it in other words")
def test_what_does_not_fit_the_state_is_refused_in_words_that_callers_look_for(oci: Containers) -> None:
    box = oci.start()
    assert "cannot start an already running container" in oci.runtime("start", box.id).stderr
    assert re.search("cannot delete .* that is not stopped", oci.runtime("delete", box.id).stderr)
    assert "container not paused" in oci.runtime("resume", box.id).stderr
    box.kill("KILL").ok()
    box.await_status("stopped")
    assert "cannot start a container that has stopped" in oci.runtime("start", box.id).stderr
    assert "cannot exec in a stopped container" in oci.runtime("exec", box.id, "true").stderr
    assert "container not running" in oci.runtime("kill", box.id).stderr
    assert "container not running" in oci.runtime("pause", box.id).stderr


@pytest.mark.lacks("crun", "waits for the end of the pause", run=False)
def test_exec_in_a_paused_container_is_refused(oci: Containers) -> None:
    box = oci.start()
    oci.runtime("pause", box.id).ok()
    result = box.exec("/bin/true")
    assert result.code == 255
    assert "paused" in result.stderr


_RESUME = pytest.param("resume", marks=pytest.mark.lacks("crun", "resumes what runs"))


@pytest.mark.lacks("crun", "has no such option", run=False)
def test_exec_waits_with_a_paused_container_if_asked(oci: Containers) -> None:
    box = oci.start()
    oci.runtime("pause", box.id).ok()
    waiting = oci.runtime.begin("exec", "--ignore-paused", box.id, "echo", "resumed")
    with pytest.raises(subprocess.TimeoutExpired):
        waiting.process.wait(0.5)
    oci.runtime("resume", box.id).ok()
    assert waiting.wait().ok().stdout == "resumed\n"


@pytest.mark.parametrize("command", ["pause", _RESUME])
def test_only_what_runs_is_paused_and_what_is_paused_resumed(oci: Containers, command: str) -> None:
    box = oci.start()
    if command == "pause":
        box.kill().ok()
        box.await_status("stopped")
    assert oci.runtime(command, box.id).code == 1


# ── update ───────────────────────────────────────────────────────────────────────────────────────────────────────────

UPDATES: list[tuple[list[str], str, str, str]] = [
    (["--memory", str(48 * MIB), "--memory-swap", str(64 * MIB)], "memory", "memory.limit_in_bytes", str(48 * MIB)),
    (["--memory", str(32 * MIB), "--kernel-memory", str(32 * MIB)], "memory", "memory.limit_in_bytes", str(32 * MIB)),
    (["--memory-reservation", str(16 * MIB)], "memory", "memory.soft_limit_in_bytes", str(16 * MIB)),
    (["--cpu-share", "300"], "cpu", "cpu.shares", "300"),
    (["--cpu-quota", "30000", "--cpu-period", "60000"], "cpu", "cpu.cfs_quota_us", "30000"),
    (["--cpu-quota", "30000", "--cpu-period", "60000"], "cpu", "cpu.cfs_period_us", "60000"),
    (["--cpuset-cpus", "1"], "cpuset", "cpuset.cpus", "1"),
    (["--pids-limit", "55"], "pids", "pids.max", "55"),
    (["--cpuset-mems", "0"], "cpuset", "cpuset.mems", "0"),
]


@pytest.mark.parametrize(("options", "controller", "file", "value"), UPDATES)
def test_a_limit_is_changed(oci: Containers, options: list[str], controller: str, file: str, value: str) -> None:
    box = oci.start({"linux.resources": {"memory": {"limit": 64 * MIB, "swap": 128 * MIB}}})
    oci.runtime("update", *options, box.id).ok()
    assert box.cgroup(controller, file) == value


BLOCK = {"blockIO": {"throttleWriteIOPSDevice": [{"major": 7, "minor": 0, "rate": 9}]}}
LATER = [
    pytest.param(
        {"cpu": {"quota": 30_000, "period": 60_000, "burst": 7000}},
        ("cpu", "cpu.cfs_burst_us", "7000"),
        marks=[pytest.mark.lacks("runc<1.2", "knows no burst"), pytest.mark.lacks("crun<1.8.2", "knows none on cgroup v1")],
    ),
    pytest.param({"cpu": {"idle": 1}}, ("cpu", "cpu.idle", "1"), marks=pytest.mark.lacks("runc<1.2", "knows no idle")),
    pytest.param(
        BLOCK,
        ("blkio", "blkio.throttle.write_iops_device", "7:0 9"),
        marks=pytest.mark.lacks("runc", "leaves the rates of disks as they are"),
    ),
]


@pytest.mark.parametrize(("resources", "expected"), LATER)
def test_every_resource_is_changed_by_a_document(
    oci: Containers, place: Path, resources: dict[str, Any], expected: tuple[str, str, str]
) -> None:
    box = oci.start()
    (place / "resources.json").write_text(json.dumps(resources))
    oci.runtime("update", "--resources", place / "resources.json", box.id).ok()
    controller, file, value = expected
    assert box.cgroup(controller, file) == value


@pytest.mark.parametrize("by", ["file", "stdin"])
def test_limits_are_read_from_a_document(oci: Containers, place: Path, by: str) -> None:
    box = oci.start()
    document = place / "resources.json"
    document.write_text(json.dumps({"cpu": {"shares": 700}, "pids": {"limit": 44}}))
    if by == "file":
        oci.runtime("update", "--resources", document, box.id).ok()
    else:
        with document.open("rb") as stdin:
            oci.runtime("update", "-r", "-", box.id, stdin=stdin).ok()
    assert (box.cgroup("cpu", "cpu.shares"), box.cgroup("pids", "pids.max")) == ("700", "44")


_LAX = [
    pytest.param(text, marks=pytest.mark.lacks("crun", "takes it for nothing"))
    for text in ('{"memory": {"limit": "much"}}', "[]")
]


@pytest.mark.parametrize("document", ["", "{", *_LAX])
def test_a_wrong_document_changes_nothing(oci: Containers, place: Path, document: str) -> None:
    box = oci.start({"linux.resources": {"pids": {"limit": 40}}})
    (place / "resources.json").write_text(document)
    assert oci.runtime("update", "--resources", place / "resources.json", box.id).code != 0
    assert box.cgroup("pids", "pids.max") == "40"


@pytest.mark.parametrize(
    "options", [("--memory", "much"), ("--pids-limit", "x"), ("--cpu-quota", "1.5"), ("--no-such", "1")]
)
@pytest.mark.lacks("crun", "takes what is no number for 0", some=True)
def test_a_wrong_option_changes_nothing(oci: Containers, options: tuple[str, str]) -> None:
    box = oci.start()
    assert oci.runtime("update", *options, box.id).code != 0


# ── looking ──────────────────────────────────────────────────────────────────────────────────────────────────────────


_EVENTS = pytest.mark.lacks("crun", "has no such command")


@_EVENTS
def test_stats_are_told_in_runcs_form(oci: Containers) -> None:
    box = oci.start({"linux.resources": {"memory": {"limit": 64 * MIB}, "pids": {"limit": 33}}})
    event = oci.runtime("events", "--stats", box.id).ok().json()
    assert (event["type"], event["id"]) == ("stats", box.id)
    data = event["data"]
    assert data["pids"]["current"] == 1
    assert data["memory"]["usage"]["limit"] == 64 * MIB
    assert data["memory"]["usage"]["usage"] > 0
    assert data["cpu"]["usage"]["total"] > 0


@_EVENTS
@pytest.mark.skipif(not Path("/sys/fs/cgroup/cpuset").is_mount(), reason="needs cpuset of cgroup v1")
def test_stats_tell_the_cpuset(oci: Containers) -> None:
    box = oci.start({"linux.resources": {"cpu": {"cpus": "0", "mems": "0"}}})
    told = oci.runtime("events", "--stats", box.id).ok().json()["data"]["cpuset"]
    assert (told["cpus"], told["mems"], told["sched_load_balance"]) == ([0], [0], 1)


@_EVENTS
def test_events_are_told_until_the_end(oci: Containers) -> None:
    box = oci.start()
    running = oci.runtime.begin("events", "--interval", "100ms", box.id)
    eventually(lambda: running.output().count("\n") >= 2, what="two events")
    box.kill().ok()
    box.await_status("stopped").delete().ok()
    result = running.wait()
    assert result.code == 0
    assert {json.loads(line)["type"] for line in result.stdout.splitlines()} >= {"stats"}


@_EVENTS
def test_an_end_of_memory_is_told(oci: Containers) -> None:
    script = "while [ ! -e /go ]; do sleep 0.05; done; head -c 200m /dev/zero | tail >/dev/null; sleep 1000"
    box = oci.start(
        {
            "process.args": ["/bin/sh", "-c", script],
            "linux.resources": {"memory": {"limit": 24 * MIB, "swap": 24 * MIB}},
        }
    )
    running = oci.runtime.begin("events", "--interval", "200ms", box.id)
    eventually(lambda: "stats" in running.output(), what="events")
    (oci.rootfs / "go").touch()
    eventually(lambda: '"type":"oom"' in running.output(), what="the event")
    box.delete("--force").ok()
    running.wait()


@pytest.mark.lacks("crun", "has no such command, and so refuses it always", run=False)
def test_events_of_a_stopped_container_are_refused(oci: Containers) -> None:
    box = oci.start()
    box.kill().ok()
    box.await_status("stopped")
    assert oci.runtime("events", "--stats", box.id).code == 1


def test_containers_are_listed(oci: Containers) -> None:
    boxes = [oci.start(), oci.create({"process.args": ["/bin/true"]})]
    assert sorted(oci.runtime("list", "--quiet").ok().stdout.split()) == [box.id for box in boxes]
    table = oci.runtime("list").ok().stdout.splitlines()
    assert table[0].split()[1:4] == ["PID", "STATUS", "BUNDLE"] or oci.runtime.kind == "crun"
    assert {line.split()[0]: line.split()[2] for line in table[1:]} == {boxes[0].id: "running", boxes[1].id: "created"}
    listed = {each["id"]: each for each in oci.runtime("list", "--format", "json").ok().json()}
    assert listed[boxes[0].id]["status"] == "running"
    assert listed[boxes[0].id]["pid"] == boxes[0].pid
    assert listed[boxes[0].id]["bundle"] == str(oci.bundle)


def test_an_empty_list_is_no_error(oci: Containers) -> None:
    oci.create().delete().ok()
    assert oci.runtime("list", "-q").ok().stdout == ""


@_COMMAND_LINES
def test_processes_are_listed(oci: Containers) -> None:
    script = "sleep 1000 & sleep 1000 & echo ready; wait"
    box = oci.start({"process.args": ["/bin/sh", "-c", script]}).await_output("ready")
    pids = oci.runtime("ps", "--format", "json", box.id).ok().json()
    assert len(pids) == 3
    assert box.pid in pids
    table = oci.runtime("ps", box.id).ok().stdout
    assert "PID" in table.splitlines()[0]
    assert all(str(pid) in table for pid in pids)


@pytest.mark.lacks("crun", "takes none")
@pytest.mark.lacks("crun", "asks no ps")
@pytest.mark.lacks("runc", "waits for it without end", run=False)
def test_a_ps_that_does_not_end_is_not_waited_for(oci: Containers, place: Path) -> None:
    """As the host's own, where a process keeps its command line from being read."""
    box = oci.start()
    (place / "ps").write_text("#!/bin/sh\nexec sleep 1000\n")
    (place / "ps").chmod(0o755)
    result = oci.runtime("ps", box.id, env=os.environ | {"PATH": f"{place}:{os.environ['PATH']}"})
    assert (result.code, "did not end" in result.stderr) == (1, True)
    assert oci.runtime("ps", "--format", "json", box.id).ok().json() == [box.pid]


@_COMMAND_LINES
def test_ps_takes_options_of_ps(oci: Containers) -> None:
    box = oci.start()
    lines = oci.runtime("ps", box.id, "-o", "pid,args").ok().stdout.splitlines()
    assert lines[0].split() == ["PID", "COMMAND"]
    assert lines[1].split() == [str(box.pid), "/bin/sleep", "1000"]


@pytest.mark.lacks("crun<1.9", "has no such command")
def test_features_are_told(oci: Containers) -> None:
    told = oci.runtime("features").ok().json()
    assert told["ociVersionMin"] == "1.0.0"
    assert {"pid", "network", "mount"} <= set(told["linux"]["namespaces"])
    assert {"ro", "rbind", "noexec"} <= set(told["mountOptions"])
    assert {"SCMP_ACT_ERRNO", "SCMP_ACT_NOTIFY"} <= set(told["linux"]["seccomp"]["actions"])
    assert "CAP_CHOWN" in told["linux"]["capabilities"]


@pytest.mark.lacks("crun", "heeds other ones")
@pytest.mark.lacks("runc<1.4", "tells less")
def test_features_that_came_later_are_told(oci: Containers) -> None:
    told = oci.runtime("features").ok().json()
    assert set(told["linux"]["intelRdt"]) == {"enabled", "schemata", "monitoring"}
    assert {"org.criu.config", "org.systemd.property."} <= set(told["potentiallyUnsafeConfigAnnotations"])


def test_a_configuration_is_written_to_begin_with(oci: Containers, place: Path) -> None:
    fresh = place / "fresh"
    fresh.mkdir()
    oci.runtime("spec", cwd=fresh).ok()
    document: dict[str, Any] = json.loads((fresh / "config.json").read_text())
    assert document["process"]["args"] == ["sh"]
    assert document["root"]["path"] == "rootfs"
    assert oci.runtime("spec", cwd=fresh).code == 1


def test_that_configuration_works(oci: Containers) -> None:
    (oci.bundle / "config.json").unlink(missing_ok=True)
    oci.runtime("spec", cwd=oci.bundle).ok()
    document = json.loads((oci.bundle / "config.json").read_text())
    document["process"] |= {"terminal": False, "args": ["sh", "-c", "id -u; hostname"]}
    (oci.bundle / "config.json").write_text(json.dumps(document))
    box = Container(oci.runtime, oci.fresh_id(), oci.bundle, oci.runtime.begin("features"))
    oci.made.append(box)
    assert oci.runtime("run", "--bundle", oci.bundle, box.id).ok().stdout.split()[0] == "0"


@pytest.mark.lacks("crun<1.9", "ignores it")
def test_a_rootless_configuration_maps_the_caller(oci: Containers, place: Path) -> None:
    fresh = place / "fresh"
    fresh.mkdir()
    oci.runtime("spec", "--rootless", cwd=fresh).ok()
    linux = json.loads((fresh / "config.json").read_text())["linux"]
    assert {"type": "user"} in linux["namespaces"]
    assert linux["uidMappings"][0]["hostID"] == os.geteuid()


def test_the_version_is_told_in_runcs_form(oci: Containers) -> None:
    lines = oci.runtime("--version").ok().stdout.splitlines()
    assert re.fullmatch(r"\S+ version \d+\.\d+\.\d+\S*", lines[0])
    assert lines[1].startswith("commit: ")
    assert any(line.startswith("spec: ") for line in lines)


@pytest.mark.parametrize("form", ["json", "text"])
def test_an_error_is_logged(oci: Containers, place: Path, form: str) -> None:
    log = place / "log"
    command = [oci.runtime.program, "--log", str(log), "--log-format", form, *oci.runtime.options, "state", "nobody"]
    assert subprocess.run(command, capture_output=True, check=False).returncode == 1
    line = log.read_text().splitlines()[-1]
    if form == "json":
        entry = json.loads(line)
        assert entry["level"] == "error"
        assert entry["msg"]
        assert entry["time"]
    else:
        assert "nobody" in line or "exist" in line


def test_an_unknown_command_is_told(oci: Containers) -> None:
    result = oci.runtime("no-such-command")
    assert result.code != 0
    assert "no-such-command" in result.stderr


# ── pyrunc's own ─────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.lacks("crun", "has no such command")
@pytest.mark.lacks("runc", "has no such command")
def test_a_bundle_is_explained_and_nothing_is_made(oci: Containers) -> None:
    oci.configure({"process.args": ["/bin/true"]}, oci.fresh_id())
    steps = oci.runtime("explain", "--format", "json", oci.bundle).ok().json()["steps"]
    assert [step["description"] for step in steps][-1] == "execute /bin/true"
    assert oci.state_files() == []


@pytest.mark.lacks("crun", "has no such command")
@pytest.mark.lacks("runc", "has no such command")
def test_each_step_of_a_container_has_its_time(oci: Containers) -> None:
    box = oci.start()
    steps = oci.runtime("timeline", "--format", "json", box.id).ok().json()
    assert {step["phase"] for step in steps} == {"create", "start"}
    assert all(step["durationUs"] >= 0 for step in steps)
    assert [step["startUs"] for step in steps] == sorted(step["startUs"] for step in steps)
