"""containerd, whose shim of runc is told by `BinaryName` (`ctr run --runc-binary`) what to call."""

import json
import os
import signal
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.criu import use_criu
from tests.integration.users_of_runtime.ctr import Ctr
from tests.integration.users_of_runtime.podman import eventually
from tests.oci.runtime import Result

pytestmark = pytest.mark.xdist_group("podman")  # which makes the image

_SLEEPS = "exec sleep 1000"
_KILLED = "non-zero exit code 137"


@contextmanager
def events(ctr: Ctr) -> Iterator[Callable[[str], list[str]]]:
    """Yield what tells the topics so far that concern a container."""
    with tempfile.TemporaryFile() as told:
        words = [str(word) for word in ctr.containerd.words("events")]
        with subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=told) as process:

            def topics(name: str) -> list[str]:
                lines = os.pread(told.fileno(), 2**20, 0).decode().splitlines()
                return [line.split()[5] for line in lines if f'"{name}"' in line and " /tasks/" in line]

            try:
                yield topics
            finally:
                process.kill()


def test_run(ctr: Ctr) -> None:
    assert ctr.run("sh", "-c", "echo out; echo error >&2; exit 7") == Result(7, "out\n", "error\n")


def test_options(ctr: Ctr) -> None:
    script = "pwd; echo $A; touch /new || echo refused; grep -e CapEff -e NoNewPrivs /proc/self/status; hostname >/dev/null"
    given = ("--read-only", "--cwd", "/etc", "--env", "A=b", "--cap-add", "CAP_SYS_TIME", "--cap-drop", "CAP_CHOWN")
    told = ctr.run("sh", "-c", script, options=given).ok().stdout.splitlines()
    assert told == ["/etc", "b", "refused", "CapEff:\t00000000aa0425fa", "NoNewPrivs:\t1"]


def test_a_device_that_is_given_twice(ctr: Ctr) -> None:
    """--privileged gives them all, and --device one of them again."""
    given = ("--privileged", "--device", "/dev/kmsg")
    assert ctr.run("ls", "/dev/kmsg", options=given).ok().stdout == "/dev/kmsg\n"


def test_ids_of_its_own(ctr: Ctr) -> None:
    given = ("--uidmap", "0:100000:5000", "--gidmap", "0:100000:5000")
    assert ctr.run("cat", "/proc/self/uid_map", options=given).ok().stdout.split() == ["0", "100000", "5000"]


@pytest.mark.parametrize(
    ("program", "cause"), [("/bin/nope", "no such file"), ("/etc", "permission denied"), ("nope", "nope")]
)
def test_a_program_that_cannot_be(ctr: Ctr, program: str, cause: str) -> None:
    """The shim hands on what it reads in the runtime's log."""
    told = ctr.run(program)
    assert told.code == 1
    assert "OCI runtime create failed" in told.stderr
    assert cause in told.stderr.lower()


def test_exec(ctr: Ctr) -> None:
    name = ctr.box(_SLEEPS)
    script = "echo out; echo error >&2; sleep 1; exit 5"  # ctr reads no further once it knows of the end
    assert ctr.exec(name, "sh", "-c", script) == Result(5, "out\n", "error\n")
    assert ctr.exec(name, "sh", "-c", "id; pwd", options=("--user", "1000", "--cwd", "/etc")).ok().stdout.splitlines() == [
        "uid=1000(user) gid=1000(user) groups=1000(user)",
        "/etc",
    ]
    failed = ctr.exec(name, "nope")
    assert failed.code == 1
    assert "OCI runtime exec failed" in failed.stderr


def test_an_exec_that_stays(ctr: Ctr) -> None:
    name = ctr.box(_SLEEPS)
    ctr("tasks", "exec", "--detach", "--exec-id", "one", "--fifo-dir", ctr.fifos, name, "sleep", "1000").ok()
    assert len(processes(ctr, name)) == 2
    ctr("tasks", "kill", "--signal", "KILL", "--exec-id", "one", name).ok()
    eventually(lambda: len(processes(ctr, name)) == 1, "it has ended")
    assert ctr("tasks", "delete", "--exec-id", "one", name).code == 137


def processes(ctr: Ctr, name: str) -> list[str]:
    return ctr("tasks", "ps", name).ok().stdout.splitlines()[1:]


def test_pause(ctr: Ctr) -> None:
    name = ctr.box(_SLEEPS)
    ctr("tasks", "pause", name).ok()
    assert ctr.status(name) == "PAUSED"
    assert "paused" in ctr.exec(name, "true").stderr
    ctr("tasks", "resume", name).ok()
    assert ctr.status(name) == "RUNNING"
    ctr("tasks", "kill", "--signal", "KILL", name).ok()
    assert _KILLED in ctr.ended(name).stderr


def test_an_end_by_signal(ctr: Ctr) -> None:
    name = ctr.box("trap 'exit 3' TERM; echo >/up; while :; do sleep 0.05; done")
    eventually(lambda: ctr.exec(name, "cat", "/up").code == 0, "it heeds signals")
    refused = ctr("tasks", "delete", name)
    assert "must be stopped" in refused.stderr
    ctr("tasks", "kill", "--signal", "TERM", name).ok()
    assert "non-zero exit code 3" in ctr.ended(name).stderr
    ctr("containers", "delete", name).ok()


def test_an_end_that_nobody_announced(ctr: Ctr) -> None:
    name = ctr.box(_SLEEPS)
    os.kill(ctr.pid(name), signal.SIGKILL)
    assert _KILLED in ctr.ended(name).stderr


def test_a_signal_to_all(ctr: Ctr) -> None:
    name = ctr.box("sleep 1000 & exec sleep 1000")
    ctr("tasks", "kill", "--all", "--signal", "KILL", name).ok()
    assert _KILLED in ctr.ended(name).stderr


def test_metrics(ctr: Ctr) -> None:
    name = ctr.box(_SLEEPS, "--memory-limit", str(64 << 20))
    told = json.loads(ctr("tasks", "metrics", "--format", "json", name).ok().stdout)
    assert told["pids"]["current"] == 1
    assert told["memory"]["usage"]["limit"] == 64 << 20
    assert told["memory"]["usage"]["usage"] > 0
    assert told["cpu"]["usage"]["total"] > 0


def test_events(ctr: Ctr) -> None:
    with events(ctr) as topics:
        name = ctr.box(
            "while [ ! -e /go ]; do sleep 0.05; done; exec busybox tail /dev/zero", "--memory-limit", str(32 << 20)
        )
        ctr("tasks", "pause", name).ok()
        ctr("tasks", "resume", name).ok()
        ctr.exec(name, "sh", "-c", "echo >/go").ok()
        assert _KILLED in ctr.ended(name).stderr
        expected = ["create", "start", "paused", "resumed", "oom", "exit", "delete"]
        eventually(lambda: "/tasks/delete" in topics(name), "its end is told")
        assert [topic for topic in topics(name) if "exec" not in topic and topic != "/tasks/exit"] == [
            f"/tasks/{kind}" for kind in expected if kind != "exit"
        ]


def test_its_state_is_where_the_shim_wants_it(ctr: Ctr) -> None:
    assert ctr.state_of(ctr.box(_SLEEPS)).exists()


def test_checkpoint(ctr: Ctr, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    use_criu(monkeypatch)
    box = ctr.box("exec sleep 1000", "--annotation", "org.criu.config=")
    ctr("tasks", "checkpoint", "--image-path", tmp_path / "images", "--work-path", tmp_path / "work", box).ok()
    assert ctr.status(box) == "RUNNING"
    assert (tmp_path / "images/inventory.img").exists()
    assert (tmp_path / "work/dump.log").exists()
    ctr("tasks", "checkpoint", "--exit", "--image-path", tmp_path / "last", box).ok()
    eventually(lambda: ctr.status(box) == "STOPPED", "it has ended")
