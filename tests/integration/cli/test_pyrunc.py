"""`pyrunc` as a process: what happens to it, and what it leaves. Needs root and BusyBox."""

import fcntl
import itertools
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from tests.integration.runtime.workshop import document

_PATIENCE_S = 20.0
RUNC = shutil.which("runc") or ""


class Pyrunc:
    """Runs commands on a bundle of its own; destroys the container "box" at the end."""

    def __init__(self, bundle: Path) -> None:
        self.bundle = bundle
        self.root = bundle / "state"
        self._started: list[subprocess.Popen[bytes]] = []

    def write(self, changes: dict[str, Any]) -> None:
        (self.bundle / "config.json").write_text(json.dumps(document(changes)))

    def begin(self, *arguments: str, **options: Any) -> "subprocess.Popen[bytes]":
        program = [sys.executable, "-m", "containerd_py.cli.oci.program", "--root", str(self.root), *arguments]
        streams = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        begun = subprocess.Popen(program, **{**streams, **options})
        self._started.append(begun)
        return begun

    def __call__(self, *arguments: str) -> tuple[int, str, str]:
        begun = self.begin(*arguments)
        out, error = begun.communicate(timeout=_PATIENCE_S)
        return begun.returncode, out.decode(), error.decode()

    def create(self, changes: dict[str, Any]) -> None:
        """Without pipes: the payload would hold them open."""
        self.write({"process.args": ["sleep", "60"], **changes})
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        assert self.begin("create", "--bundle", str(self.bundle), "box", **quiet).wait(_PATIENCE_S) == 0

    def close(self) -> None:
        for process in self._started:
            if process.poll() is None:
                process.kill()
            process.communicate()
        if self.root.exists():
            self("delete", "--force", "box")


@pytest.fixture
def pyrunc(rootfs: Path) -> Iterator[Pyrunc]:
    made = Pyrunc(rootfs.parent)
    yield made
    made.close()
    assert sorted(path.name for path in made.bundle.iterdir() if path.name.startswith("state")) == []


def when_readable(fifo: Path) -> None:
    """Wait until somebody has it open for writing, and has closed it."""
    fifo.read_bytes()


# ── signals before there is a payload ────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
@pytest.mark.parametrize(
    ("command", "moment"),
    [
        (("create",), "createRuntime"),
        *itertools.product([("run",), ("run", "--detach")], ["createRuntime", "startContainer", "poststart"]),
    ],
)
def test_a_command_that_is_asked_to_end_before_its_payload_runs(
    pyrunc: Pyrunc, tmp_path: Path, number: int, command: tuple[str, ...], moment: str
) -> None:
    os.mkfifo(tmp_path / "began")
    hook = {"path": "/bin/sh", "args": ["sh", "-c", "cat >/dev/null; : >$BEGAN; exec sleep 60"]}
    hook["env"] = ["PATH=/bin:/usr/bin", "BEGAN=" + ("/tmp" if moment == "startContainer" else str(tmp_path)) + "/began"]
    shared = {"destination": "/tmp", "source": str(tmp_path), "type": "bind", "options": ["bind"]}
    mounts = [*document({})["mounts"], shared]
    pyrunc.write({"process.args": ["sleep", "60"], "hooks": {moment: [hook]}, "mounts": mounts})
    pid = tmp_path / "pid"
    running = pyrunc.begin(*command, "--pid-file", str(pid), "--bundle", str(pyrunc.bundle), "box")
    when_readable(tmp_path / "began")
    running.send_signal(number)
    assert running.wait(_PATIENCE_S) == 128 + number
    assert not pyrunc.root.exists()
    assert not pid.exists()


def test_exec_that_is_asked_to_end_before_its_process_runs(pyrunc: Pyrunc) -> None:
    pyrunc.create({})
    assert pyrunc("start", "box")[0] == 0
    turn = os.open(pyrunc.root / "box", os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(turn, fcntl.LOCK_EX)
        executing = pyrunc.begin("exec", "box", "true")
        _wait(lambda: _has_open(executing.pid, str(pyrunc.root / "box")))
        executing.send_signal(signal.SIGTERM)
        assert executing.wait(_PATIENCE_S) == 128 + signal.SIGTERM
    finally:
        os.close(turn)
    assert json.loads(pyrunc("state", "box")[1])["status"] == "running"


def _has_open(pid: int, path: str) -> bool:
    with suppress(FileNotFoundError):
        return any(os.readlink(f"/proc/{pid}/fd/{fd}") == path for fd in os.listdir(f"/proc/{pid}/fd"))
    return False


def _wait(ready: Callable[[], bool]) -> None:
    deadline = time.monotonic() + _PATIENCE_S
    while not ready():
        assert time.monotonic() < deadline
        time.sleep(0.01)


# ── damage ───────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("damaged", [("state",), ("config",), ("plan",), ("state", "config", "plan")])
def test_delete_with_force_removes_what_is_damaged_and_says_so(pyrunc: Pyrunc, damaged: tuple[str, ...]) -> None:
    pyrunc.create({})
    pid = json.loads(pyrunc("state", "box")[1])["pid"]
    for name in damaged:
        (pyrunc.root / f"box/{name}.json").write_text("garbage")
    code, _out, error = pyrunc("delete", "--force", "box")
    assert code == 0, error
    assert not pyrunc.root.exists()
    _wait(lambda: not os.path.exists(f"/proc/{pid}/cwd/bin/busybox"))
    if damaged != ("plan",):  # which the end of a container does not ask for
        assert "cannot read" in error


# ── readiness ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_library_removes_the_directory_of_the_notify_socket(
    pyrunc: Pyrunc, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from containerd_py.runtime import Container

    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "manager"))
    pyrunc.create({})
    assert (pyrunc.bundle / "state.notify/box").is_dir()
    Container.load("box", state_root=str(pyrunc.root)).destroy(force=True)
    assert not (pyrunc.bundle / "state.notify").exists()


# ── what other programs read ─────────────────────────────────────────────────────────────────────────────────────────


def plain(value: Any) -> Any:
    """Return a time without the zeros at its end, which Go leaves out."""
    return f"{value[:-1].rstrip('0')}Z" if str(value).endswith("Z") else value


@pytest.mark.skipif(not RUNC, reason="runc is to read what pyrunc keeps")
def test_runc_reads_the_state_that_pyrunc_keeps(pyrunc: Pyrunc) -> None:
    """Its status, pid, bundle and annotations; limits are those that are in force."""
    limits = {"memory": {"limit": 64 << 20}, "pids": {"limit": 50}}
    pyrunc.create({"annotations": {"org.example.a": "b=c"}, "linux.resources": limits})
    own = json.loads(pyrunc("state", "box")[1])

    def read(*command: str) -> Any:
        done = subprocess.run([RUNC, "--root", str(pyrunc.root), *command], capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (0, "")
        return json.loads(done.stdout)

    found = read("state", "box")
    assert found["status"] == "created"
    for name in ("id", "pid", "bundle", "rootfs", "created", "annotations"):
        assert plain(found[name]) == plain(own[name]), name
    assert [one["id"] for one in read("list", "--format", "json")] == ["box"]
    assert pyrunc("start", "box")[0] == 0
    assert read("state", "box")["status"] == "running"
    assert read("events", "--stats", "box")["data"]["pids"]["current"] == 1
    assert pyrunc("update", "--pids-limit", "33", "box")[0] == 0
    kept = json.loads((pyrunc.root / "box/state.json").read_text())
    assert (kept["config"]["cgroups"]["pids_limit"], kept["config"]["cgroups"]["memory"]) == (33, 64 << 20)
    assert pyrunc("kill", "box", "KILL")[0] == 0
    _wait(lambda: json.loads(pyrunc("state", "box")[1])["status"] == "stopped")
    found = read("state", "box")
    assert (found["status"], found["pid"]) == ("stopped", 0)


def test_a_document_has_a_first_process_of_ours(pyrunc: Pyrunc) -> None:
    annotations = {"org.pycontainerd.init": "true"}
    pyrunc.write({"process.args": ["/bin/sh", "-c", "echo $$; exit 7"], "annotations": annotations})
    code, out, error = pyrunc("run", "--bundle", str(pyrunc.bundle), "box")
    assert (code, out, error) == (7, "2\n", "")
