"""Further processes in a container, and containers that another process works on."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from containerd_py.errors import Conflict, ContainerdError, InvalidArgument, NotFound
from containerd_py.runtime import Container, WaitStatus
from containerd_py.runtime.beginning import Beginning
from containerd_py.runtime.init import dialogue
from containerd_py.runtime.linux.fd import Fd
from containerd_py.runtime.linux.namespaces import FILES
from tests.integration.runtime.test_namespaces import USER
from tests.integration.runtime.workshop import DEV, DEVPTS, OWN, PROC, Workshop, document, process


def run(container: Container, *arguments: str, **fields: Any) -> WaitStatus:
    execution = container.exec(process(*arguments, **fields))
    try:
        return execution.wait()
    finally:
        execution.close()


def test_it_is_where_the_container_is(shop: Workshop) -> None:
    container = shop.sleeping({"linux.namespaces": [*OWN, {"type": "time"}]})
    script = " ".join(f"$(readlink /proc/self/ns/{name})" for name in FILES.values())
    assert run(container, "/bin/sh", "-c", f"echo {script}; cat /proc/self/cgroup; ls /proc/1/root") == WaitStatus(0, None)
    output = shop.read().splitlines()
    assert output[0].split() == [os.readlink(f"/proc/{container.pid}/ns/{name}") for name in FILES.values()]
    assert {line.split(":", 2)[2] for line in output if ":/" in line and "pids" in line} == {"/"}


def test_exit_codes_and_signals(shop: Workshop) -> None:
    container = shop.sleeping()
    assert run(container, "sh", "-c", "exit 7") == WaitStatus(7, None)
    execution = container.exec(process("sleep", "60"))
    assert execution.pid in container.processes()
    execution.kill(signal.SIGKILL)
    assert execution.wait() == WaitStatus(None, signal.SIGKILL)
    with pytest.raises(Conflict, match="it has ended"):
        execution.kill(signal.SIGKILL)
    execution.close()


def test_user_directory_and_environment(shop: Workshop, rootfs: Path) -> None:
    (rootfs / "work").mkdir()
    container = shop.sleeping()
    script = "id -u; id -G; pwd; echo $COLOUR"
    fields = {"user": {"uid": 5, "gid": 6, "additionalGids": [7]}, "cwd": "/work", "env": ["PATH=/bin", "COLOUR=red"]}
    assert run(container, "sh", "-c", script, **fields).code == 0
    assert shop.read().splitlines() == ["5", "6 7", "/work", "red"]


def test_in_a_user_namespace(shop: Workshop, rootfs: Path) -> None:
    rootfs.chmod(0o777)  # so that places to mount on can be made
    container = shop.sleeping(USER)
    assert run(container, "sh", "-c", "id -u; cat /proc/self/uid_map").code == 0
    assert shop.read().split() == ["0", "0", "100000", "65536"]


def answers_of(beginning: Beginning, marker: Path, monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Return what `beginning` says before each message is read; all but the first are read once the payload runs."""
    answers: list[bool] = []
    receive = dialogue.receive

    def late(control: socket.socket) -> tuple[dialogue.Message | None, list[int]]:
        deadline = time.monotonic() + 30
        while answers and not marker.exists() and time.monotonic() < deadline:
            time.sleep(0.01)
        answers.append(beginning.has_come())
        return receive(control)

    monkeypatch.setattr(dialogue, "receive", late)
    return answers


def test_a_payload_has_begun_before_its_parent_hears_of_it(
    shop: Workshop, rootfs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rootfs.chmod(0o777)
    container, beginning = shop.sleeping(), Beginning()
    answers = answers_of(beginning, rootfs / "begun", monkeypatch)
    execution = container.exec(process("sh", "-c", ": > /begun"), beginning=beginning)
    assert execution.wait() == WaitStatus(0, None)
    execution.close()
    assert (answers[0], answers[1], answers[-1]) == (False, True, True)


def test_so_has_the_first_of_a_container(shop: Workshop, rootfs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rootfs.chmod(0o777)
    container, beginning = shop.create({"process.args": ["sh", "-c", ": > /begun"]}), Beginning()
    answers = answers_of(beginning, rootfs / "begun", monkeypatch)
    answers.append(beginning.has_come())
    container.start(beginning)
    assert container.wait() == WaitStatus(0, None)
    assert answers[:2] == [False, True]


@pytest.mark.parametrize(
    ("arguments", "fields", "step", "number"),
    [
        (("/bin/nope",), {}, "exec", "ENOENT"),
        (("/bin/true",), {"cwd": "/nowhere"}, "cwd", "ENOENT"),
        ((), {}, "validate", None),
    ],
)
def test_what_cannot_be_executed(
    shop: Workshop, arguments: tuple[str, ...], fields: dict[str, Any], step: str, number: str | None
) -> None:
    container = shop.sleeping()
    with pytest.raises(InvalidArgument) as caught:
        container.exec(process(*arguments, **fields))
    assert (caught.value.step, caught.value.errno) == (step, number)
    assert len(container.processes()) == 1


def test_not_in_one_that_has_ended(shop: Workshop) -> None:
    container = shop.create({})
    container.start()
    container.wait()
    with pytest.raises(Conflict, match="cannot execute in container 'box': it is stopped"):
        container.exec(process("true"))


def test_not_in_one_that_is_ending(shop: Workshop) -> None:
    """Its first process has left its namespaces by then, and waits for the others, of which one is ours to reap."""
    container = shop.sleeping()
    other = container.exec(process("sleep", "100"))
    container.kill(signal.SIGKILL)
    while os.path.exists(f"/proc/{container.pid}/ns/mnt"):
        time.sleep(0.01)
    with pytest.raises(Conflict, match="cannot execute in container 'box': it ends at this moment"):
        container.exec(process("true"))
    other.wait()
    other.close()


def test_a_terminal_for_whoever_listens(shop: Workshop, tmp_path: Path) -> None:
    container = shop.sleeping({"mounts": [PROC, DEV, DEVPTS]})
    path = str(tmp_path / "console.sock")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(path)
        listener.listen(2)
        execution = container.exec(process("sh", "-c", "tty; exit 5", terminal=True), console_socket=path)
        connection, _address = listener.accept()
        with connection:
            name, fds, _flags, _from = socket.recv_fds(connection, 100, 1)
    assert name == b"/dev/ptmx"
    with Fd(fds[0]) as master:
        assert execution.wait() == WaitStatus(5, None)
        assert os.read(master.fileno(), 100) == b"/dev/pts/0\r\n"
    execution.close()


def test_descriptors_are_preserved(shop: Workshop) -> None:
    """In a process of its own: 3 and 4 are what this one speaks through with whoever has started it."""
    wanted = document({"process.args": ["sh", "-c", "echo three >&3; echo four >&4"]})
    words = [sys.executable, "-c", _PRESERVING, repr(wanted), str(shop.bundle)]
    assert subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, check=True).stdout == b"three\nfour\n"


_PRESERVING = """
import ast, os, sys
from containerd_py.runtime import Container, parse
os.dup2(1, 3)
os.dup2(1, 4, inheritable=False)
spec, bundle = parse(ast.literal_eval(sys.argv[1])), sys.argv[2]
with Container.create("box", spec, state_root=bundle + "/state", bundle=bundle, preserve_fds=2) as container:
    container.start()
    assert container.wait().code == 0
"""


# ── another process ──────────────────────────────────────────────────────────────────────────────────────────────────


def test_another_process_starts_looks_and_destroys(shop: Workshop) -> None:
    first = shop.create({"process.args": ["sleep", "60"]})
    other = shop.load()
    assert (other.state().status, other.pid) == ("created", first.pid)
    other.start()
    assert first.state().status == other.state().status == "running"
    assert run(other, "true") == WaitStatus(0, None)
    with pytest.raises(Conflict, match="cannot destroy container 'box': it is running"):
        other.destroy()
    other.kill()
    assert first.wait() == WaitStatus(None, signal.SIGKILL)
    assert other.state().status == "stopped"
    other.destroy()
    with pytest.raises(NotFound):
        shop.load()


def test_all_of_a_state_root(shop: Workshop) -> None:
    shop.sleeping(container_id="b")
    shop.create({}, container_id="a")
    states = Container.list(str(shop.bundle / "state"))
    assert [(state.id, state.status) for state in states] == [("a", "created"), ("b", "running")]
    assert Container.list(str(shop.bundle / "nothing")) == ()


def test_a_start_that_fails_is_told_to_whoever_asked(shop: Workshop, rootfs: Path) -> None:
    (rootfs / "bin/garbage").write_bytes(b"\0\1")
    (rootfs / "bin/garbage").chmod(0o755)
    shop.create({"process.args": ["garbage"]})
    with pytest.raises(ContainerdError) as caught:
        shop.load().start()
    assert (caught.value.step, caught.value.errno) == ("exec", "ENOEXEC")


def test_whoever_comes_to_start_and_goes_away_starts_nothing(shop: Workshop) -> None:
    container = shop.create({"process.args": ["sleep", "60"]})
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as passer_by:
        passer_by.connect(str(shop.bundle / "state/box/start.sock"))
    assert container.state().status == "created"
    container.start()
    assert container.state().status == "running"
