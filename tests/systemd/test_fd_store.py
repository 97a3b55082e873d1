"""What the service manager keeps: both the daemon and the spawner are killed at once, and nothing is lost."""

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from containerd_py.client.sync import SyncClient
from containerd_py.wire import ContainerSpec, ExecSpec
from tests.systemd.manager import (
    SERVICE,
    eventually,
    main_pid,
    output,
    removed,
    shown,
    spawner_pid,
    started,
    status,
    systemctl,
)

_SETTLING_S = 0.5  # five times what the daemon waits before it tells systemd
_MANY = 80_000  # bytes: more than a pipe holds


def stored() -> int:
    return int(shown("NFileDescriptorStore"))


@pytest.fixture
def empty() -> Iterator[int]:
    """Return how many there are without containers: the spawner's own."""
    with SyncClient() as client:
        assert not client.containers()
    eventually(lambda: stored() == 1, "the store has the spawner's pidfd only")
    yield 1
    eventually(lambda: stored() == 1, "nothing is left in the store")


def kill_both() -> None:
    """SIGKILL, the daemon first, once everything is stored; return once another one serves."""
    time.sleep(_SETTLING_S)
    daemon, spawner = main_pid(), spawner_pid()
    os.kill(daemon, signal.SIGKILL)
    os.kill(spawner, signal.SIGKILL)
    eventually(lambda: shown("ActiveState") == "active" and main_pid() not in (0, daemon), "the service is back")
    assert spawner_pid() != spawner


def test_it_holds_the_streams_and_processes_by_name(empty: int, root: Path) -> None:
    container = started(root, "sleep 1000", stdin=True)
    eventually(lambda: stored() == empty + 4, "pidfd, stdin, stdout, stderr")  # no control socket any more
    terminal = started(root, "sleep 1000", terminal=True)
    eventually(lambda: stored() == empty + 4 + 4, "pidfd, terminal, and the two ends of its relay")
    removed(container)
    removed(terminal)


def test_output_that_is_still_in_the_pipe_and_the_exit_code(empty: int, root: Path) -> None:
    """While nobody reads, the payload writes as much as fits, and ends."""
    container = started(root, "read a; echo before; seq 1 9000; echo error >&2; exit 7", stdin=True)
    with SyncClient() as client:
        pid = client.container(container).pid
    daemon, spawner = main_pid(), spawner_pid()
    stdin = os.open(f"/proc/{pid}/fd/0", os.O_WRONLY)
    time.sleep(_SETTLING_S)
    for one in (daemon, spawner):
        os.kill(one, signal.SIGSTOP)
    os.write(stdin, b"go\n")
    os.close(stdin)
    eventually(lambda: Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z", "it ends")
    for one in (daemon, spawner):
        os.kill(one, signal.SIGKILL)
    eventually(lambda: shown("ActiveState") == "active" and main_pid() not in (0, daemon), "the service is back")
    with SyncClient() as client:
        assert client.wait(container).exit_code == 7
    lines = output(container).splitlines()
    assert sorted(lines) == sorted([b"before", b"error", *(b"%d" % number for number in range(1, 9001))])
    removed(container)


def test_it_goes_on_with_input_output_and_its_exit_code(empty: int, root: Path) -> None:
    container = started(root, "while read a; do echo $a; done; exit 5", stdin=True)
    with SyncClient() as client:
        client.write_stdin(container, b"one\n")
        eventually(lambda: output(container) == b"one\n", "it answers")
        kill_both()
        assert status(container) == "running"
        client.write_stdin(container, b"two\n" * (_MANY // 4), close=True)
        assert client.wait(container).exit_code == 5
    assert output(container) == b"one\n" + b"two\n" * (_MANY // 4)
    removed(container)


def test_twice_in_a_row(empty: int, root: Path) -> None:
    container = started(root, "read a; echo $a; exit 6", stdin=True)
    kill_both()
    kill_both()
    with SyncClient() as client:
        client.write_stdin(container, b"still here\n")
        assert client.wait(container).exit_code == 6
    assert output(container) == b"still here\n"
    removed(container)


def test_a_terminal_and_an_exec(empty: int, root: Path) -> None:
    container = started(root, "read a; echo got $a; exit 3", terminal=True)
    with SyncClient() as client:
        execution = client.exec_create(
            container, ExecSpec(args=("/bin/sh", "-c", "read a; echo $a; exit 4"), stdin=True)
        ).id
        client.exec_start(execution)
        kill_both()
        client.exec_write_stdin(execution, b"to the exec\n")
        assert client.exec_wait(execution).exit_code == 4
        assert b"".join(client.exec_logs(execution)) == b"to the exec\n"
        client.resize(container, 3, 4)
        with client.attach(container) as attachment:
            attachment.send_stdin(b"typed\n")
            assert client.wait(container).exit_code == 3
    assert b"got typed" in output(container)
    removed(container)


def test_a_created_container_can_be_started_afterwards(empty: int, root: Path) -> None:
    with SyncClient() as client:
        container = client.create(ContainerSpec(rootfs=str(root), args=("/bin/echo", "late"))).id
        kill_both()
        assert status(container) == "created"
        client.start(container)
        assert client.wait(container).exit_code == 0
    assert output(container) == b"late\n"
    removed(container)


def test_it_is_filled_again_after_a_stop(empty: int, root: Path) -> None:
    """systemd lets everything go when a service stops (before 254); the spawner has it all."""
    container = started(root, "read a; exit 8", stdin=True)
    before = eventually(lambda: stored() == empty + 4 and stored(), "it is stored")
    systemctl("stop", SERVICE)
    systemctl("start", SERVICE)
    eventually(lambda: stored() == before, "it is stored again")
    kill_both()
    with SyncClient() as client:
        client.write_stdin(container, b"\n")
        assert client.wait(container).exit_code == 8
    removed(container)


def test_many_at_once(empty: int, root: Path) -> None:
    count = 10 if os.environ["PYCONTAINERD_GUEST"] == "uml" else 40
    containers = [started(root, "read a; exit 9", stdin=True) for _ in range(count)]
    kill_both()
    began = time.monotonic()
    with SyncClient() as client:
        for container in containers:
            client.write_stdin(container, b"\n")
        assert [client.wait(container).exit_code for container in containers] == [9] * count
    assert time.monotonic() - began < 60
    for container in containers:
        removed(container)
