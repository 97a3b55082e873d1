"""podman's commands on a container that runs."""

from pathlib import Path

import pytest

from tests.criu import use_criu
from tests.integration.users_of_runtime.podman import Box, Podman, eventually
from tests.oci.runtime import Result

pytestmark = pytest.mark.xdist_group("podman")

_HEEDS = """
trap 'echo got TERM; exit 3' TERM
trap 'echo got USR1' USR1
echo up
while :; do sleep 0.05; done
"""
_STUBBORN = "trap '' TERM; echo up; while :; do sleep 0.05; done"
_SLEEPS = "exec sleep 1000"


def begun(podman: Podman, script: str = _HEEDS) -> Box:
    box = podman.box(script)
    box.says("up")
    return box


def test_exec(podman: Podman) -> None:
    box = podman.box(_SLEEPS)
    told = box.exec("sh", "-c", "cat; echo error >&2; exit 9", options=("--interactive",), stdin="in\n")
    assert told == Result(9, "in\n", "error\n")
    options = ("--user", "1000:55", "--workdir", "/etc", "--env", "A=b")
    lines = box.exec("sh", "-c", "id; pwd; echo $A; ulimit -Hn; test -t 0 || echo none", options=options).ok().stdout
    assert lines.splitlines() == ["uid=1000(user) gid=55", "/etc", "b", "2048", "none"]
    assert box.exec("tty", options=("--tty",)).ok().stdout == "/dev/pts/0\n"
    box.exec("sh", "-c", "echo x >/made", options=("--detach",)).ok()
    eventually(lambda: box.exec("cat", "/made").code == 0, "it has been executed")


def test_exec_of_what_cannot_be(podman: Podman) -> None:
    """The exit codes are podman's, which reads them out of what the runtime says."""
    box = podman.box(_SLEEPS)
    programs = ("/bin/nope", "nope", "/etc", "/plain")
    assert [box.exec(program).code for program in programs] == [127, 127, 126, 126]


def test_stop_start_restart(podman: Podman) -> None:
    box = begun(podman)
    box("stop", "--time", "10").ok()
    assert (box.state()["Status"], box.state()["ExitCode"]) == ("exited", 3)
    assert box.logs() == ["up", "got TERM"]
    box("start").ok()
    eventually(lambda: box.logs().count("up") == 2, "it runs again")
    box("restart").ok()
    eventually(lambda: box.logs().count("up") == 3, "it runs again")
    assert box.state()["Status"] == "running"
    told = box("rm")
    assert told.code != 0
    assert "running" in told.stderr
    box("rm", "--force", "--time", "0").ok()
    assert box("container exists").code == 1


def test_stop_of_what_does_not_heed(podman: Podman) -> None:
    box = begun(podman, _STUBBORN)
    box("stop", "--time", "1").ok()
    assert (box.state()["Status"], box.state()["ExitCode"]) == ("exited", 137)


def test_signals(podman: Podman) -> None:
    box = begun(podman)
    box("kill", "--signal", "USR1").ok()
    box.says("got USR1")
    box("kill").ok()
    assert box("wait").ok().stdout == "137\n"
    assert "can only kill running containers" in box("kill").stderr


def test_pause(podman: Podman) -> None:
    box = begun(podman)
    box("pause").ok()
    assert box.state()["Status"] == "paused"
    assert box.exec("true").code != 0
    assert box("pause").code != 0
    box("unpause").ok()
    assert box.state()["Status"] == "running"
    box.exec("true").ok()
    box("pause").ok()
    box("rm", "--force", "--time", "0").ok()


def test_update(podman: Podman) -> None:
    box = podman.box(_SLEEPS)
    box("update", "--memory", "100m", "--memory-swap", "200m", "--cpuset-cpus", "0").ok()
    script = """
        cd /sys/fs/cgroup
        cat memory/memory.limit_in_bytes 2>/dev/null || cat memory.max
        grep Cpus_allowed_list /proc/1/status | busybox cut -f2
    """
    assert box.exec("sh", "-c", script).ok().stdout.split() == [str(100 << 20), "0"]


def test_what_podman_tells(podman: Podman) -> None:
    box = podman.box(_SLEEPS)
    found = box.inspect()
    assert (found["OCIRuntime"], found["State"]["Running"]) == (str(podman.runtime.program), True)
    assert f"{podman.parent}/" in found["State"]["CgroupPath"]
    assert podman("top", box.name, "pid", "args").ok().stdout.split() == ["PID", "COMMAND", "1", "sleep", "1000"]
    told = box("stats", "--no-stream", "--format", "{{.Name}} {{.PIDs}} {{.MemUsage}}").ok().stdout.split()
    assert told[:2] == [box.name, "1"]
    assert told[2] != "0B"
    box.exec("true").ok()
    box("rm", "--force", "--time", "0").ok()
    events = podman("events", "--stream=false", "--filter", f"container={box.name}", "--format", "{{.Status}}").ok()
    expected = ["create", "start", "exec", "died", "remove"]
    assert [name for name in events.stdout.split() if name in expected] == expected


def test_health(podman: Podman) -> None:
    command = ("--health-cmd", "test ! -e /bad", "--health-interval", "disable", "--health-retries", "1")
    box = podman.box(_SLEEPS, *command)
    told = box("healthcheck run")
    assert told.code == 0, told
    box.exec("sh", "-c", "echo >/bad").ok()
    assert box("healthcheck run").code == 1
    assert box.state()["Health"]["Status"] == "unhealthy"


_COUNTS = "i=0; while :; do i=$((i+1)); echo $i; sleep 0.1; done"


def test_checkpoint(podman: Podman, monkeypatch: pytest.MonkeyPatch) -> None:
    use_criu(monkeypatch)
    box = podman.box(_COUNTS, "--annotation", "org.criu.config=")
    box.says("2")
    box("container checkpoint").ok()
    assert box.state()["Status"] == "exited"
    last = int(box.logs()[-1])
    box("container restore").ok()
    assert box.state()["Status"] == "running"
    box.says(str(last + 2))
    assert int(box.logs()[-1]) > last


def test_a_checkpoint_is_taken_elsewhere(podman: Podman, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    use_criu(monkeypatch)
    box = podman.box(_COUNTS, "--annotation", "org.criu.config=")
    box.says("2")
    box("container checkpoint", "--leave-running", "--export", str(tmp_path / "kept.tar")).ok()
    assert box.state()["Status"] == "running"
    box("rm", "--force", "--time", "0").ok()
    podman("container", "restore", "--import", tmp_path / "kept.tar").ok()
    box.says("3")
