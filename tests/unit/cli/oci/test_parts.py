"""The parts that need no command: sizes, durations, held signals, listening descriptors, readiness, pipes for terminals."""

import copy
import ctypes
import json
import os
import pty
import signal
import socket
import threading
from pathlib import Path

import pytest

from containerd_py.cli.oci import activation
from containerd_py.cli.oci.arguments import seconds, size_bytes
from containerd_py.cli.oci.binds import leave_out_data, leave_out_root, take_bound_root
from containerd_py.cli.oci.bundle import read_spec
from containerd_py.cli.oci.foreground import Relays
from containerd_py.cli.oci.notify import NotifySocket, relay
from containerd_py.cli.oci.signals import Forwarding, Interrupted
from containerd_py.runtime.linux.fd import Fd
from containerd_py.runtime.spec.models import parse
from tests.unit.cli.oci.conftest import DOCUMENT


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0", 0),
        ("100", 100),
        ("1k", 1024),
        ("1K", 1024),
        ("2m", 2 * 2**20),
        ("1.5g", 3 * 2**29),
        ("1GiB", 2**30),
        ("1gb", 2**30),
        ("7b", 7),
        ("-1", -1),
    ],
)
def test_a_size(text: str, expected: int) -> None:
    assert size_bytes(text) == expected


@pytest.mark.parametrize("text", ["", "x", "-2", "1x", "1.2.3", "k", "0x10", "1e9", "²"])
def test_what_is_no_size(text: str) -> None:
    with pytest.raises(ValueError, match="not a size"):
        size_bytes(text)


@pytest.mark.parametrize(("text", "expected"), [("5s", 5), ("100ms", 0.1), ("1m30s", 90), ("1.5h", 5400)])
def test_a_duration(text: str, expected: float) -> None:
    assert seconds(text) == pytest.approx(expected)


@pytest.mark.parametrize("text", ["", "5", "s", "5x", "-5s", "0s", "5s5"])
def test_what_is_no_duration(text: str) -> None:
    with pytest.raises(ValueError, match="not a duration"):
        seconds(text)


def test_signals_are_held_until_there_is_somebody_to_get_them() -> None:
    got: list[int] = []
    before = signal.getsignal(signal.SIGUSR1)
    with Forwarding() as forwarding:
        os.kill(os.getpid(), signal.SIGUSR1)
        assert got == []
        forwarding.attach(got.append)
        os.kill(os.getpid(), signal.SIGTERM)
    assert got == [signal.SIGUSR1, signal.SIGTERM]
    assert signal.getsignal(signal.SIGUSR1) is before


def _terminate_twice() -> None:
    try:
        os.kill(os.getpid(), signal.SIGTERM)
    finally:
        os.kill(os.getpid(), signal.SIGTERM)  # what was made is being undone


def test_a_signal_that_asks_to_end_interrupts_what_is_made_once() -> None:
    with Forwarding() as forwarding:
        with pytest.raises(Interrupted) as caught, forwarding.interruptible():
            _terminate_twice()
        assert caught.value.number == signal.SIGTERM
        with pytest.raises(Interrupted):
            forwarding.check()


def test_a_signal_that_came_before_interrupts_too() -> None:
    made: list[int] = []
    with Forwarding() as forwarding:
        os.kill(os.getpid(), signal.SIGUSR1)
        forwarding.check()
        os.kill(os.getpid(), signal.SIGINT)
        with pytest.raises(Interrupted), forwarding.interruptible():
            made.append(1)
    assert not made


def test_once_there_is_a_payload_the_signal_is_for_it() -> None:
    begun, got = [False], list[int]()
    with Forwarding() as forwarding:
        with forwarding.interruptible(begun=lambda: begun[0]):
            begun[0] = True
            os.kill(os.getpid(), signal.SIGTERM)
        assert got == []
        forwarding.attach(got.append)
    assert got == [signal.SIGTERM]


def test_a_signal_is_passed_on_whatever_the_main_thread_waits_in() -> None:
    """As if it had come just before the call: it interrupts none, since another thread gets it."""
    read, write = os.pipe()
    told: list[int] = []
    with Fd(read), Fd(write), Forwarding() as forwarding:
        forwarding.attach(lambda number: told.extend([os.write(write, bytes([number]))]))
        late = threading.Timer(10, os.write, (write, b"late"))
        late.start()
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1})
        try:
            os.kill(os.getpid(), signal.SIGUSR1)
            got = ctypes.create_string_buffer(1)
            ctypes.CDLL(None).read(read, got, 1)  # as os.read does, but it looks for no signal
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
            late.cancel()
    assert got.raw == bytes([signal.SIGUSR1])


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({}, 0),
        ({"LISTEN_FDS": "2"}, 0),
        ({"LISTEN_FDS": "2", "LISTEN_PID": "8"}, 0),
        ({"LISTEN_FDS": "2", "LISTEN_PID": "7"}, 2),
        ({"LISTEN_FDS": "x", "LISTEN_PID": "7"}, 0),
    ],
)
def test_listening_descriptors_are_those_of_this_process(environ: dict[str, str], expected: int) -> None:
    assert activation.listening(environ, 7) == expected


def test_the_payload_is_told_of_them() -> None:
    spec = activation.told(parse(DOCUMENT), 2, {"LISTEN_FDNAMES": "a:b"})
    assert spec.process
    assert spec.process.env[-3:] == ("LISTEN_FDS=2", "LISTEN_PID=1", "LISTEN_FDNAMES=a:b")


def test_readiness_is_relayed_once(tmp_path: Path) -> None:
    notify = NotifySocket(str(tmp_path / "state"), "box")
    spec = notify.told(parse(DOCUMENT))
    assert spec.mounts[-1].source == notify.directory
    assert spec.process
    assert spec.process.env[-1] == "NOTIFY_SOCKET=/run/notify/notify.sock"
    ended_read, ended_write = os.pipe()
    with (
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager,
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as payload,
        notify.listening() as receiver,
    ):
        assert receiver is not None
        manager.bind(str(tmp_path / "manager"))
        payload.sendto(b"STATUS=soon\n", notify.path)
        payload.sendto(b"STATUS=now\nREADY=1\n", notify.path)
        relay(receiver, str(tmp_path / "manager"), 77, ended_read)
        assert manager.recv(100) == b"READY=1\nMAINPID=77\n"
        os.close(ended_write)
        relay(receiver, str(tmp_path / "manager"), 77, ended_read)  # it has ended: nothing is waited for
    os.close(ended_read)
    notify.undo()
    assert not (tmp_path / "state.notify").exists()


def test_a_container_without_the_socket_is_not_listened_to(tmp_path: Path) -> None:
    with NotifySocket(str(tmp_path / "state"), "box").listening() as receiver:
        assert receiver is None


def test_a_terminal_of_the_host_is_replaced_by_pipes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the three streams, those that are a terminal: here the output."""
    master, slave = pty.openpty()
    monkeypatch.setattr("os.isatty", lambda fd: fd == 1)
    saved = os.dup(1)
    os.dup2(slave, 1)
    try:
        relays = Relays()
        with relays as streams:
            assert (streams.stdin, streams.stderr) == (0, 2)
            payload = os.dup(streams.stdout)
            relays.run()
            os.write(payload, b"through")
            os.close(payload)
        assert os.read(master, 100) == b"through"
    finally:
        os.dup2(saved, 1)
        for fd in (saved, master, slave):
            os.close(fd)


@pytest.mark.parametrize(
    ("version", "given", "limit"),
    [("1.0.2-dev", 0, -1), ("1.2.1", 0, -1), ("1.2.1", 5, 5), ("1.3.0", 0, 0), ("1.10.0", 0, 0)],
)
def test_no_tasks_are_as_many_as_there_may_be_in_old_documents(
    tmp_path: Path, version: str, given: int, limit: int
) -> None:
    document = {"ociVersion": version, "root": {"path": "rootfs"}, "linux": {"resources": {"pids": {"limit": given}}}}
    (tmp_path / "config.json").write_text(json.dumps(document))
    spec = read_spec(str(tmp_path), warn=pytest.fail)
    assert spec.linux.resources
    assert spec.linux.resources.pids
    assert spec.linux.resources.pids.limit == limit


def test_values_for_a_file_system_are_ignored_at_a_bind_and_told(tmp_path: Path) -> None:
    options = ["rbind", "ro", "mode=755", "size=1k", "idmap=uids=0-1-10"]
    mounts = [{"destination": "/a", "source": "/", "options": options}, {"destination": "/b", "options": ["size=1k"]}]
    document = {"ociVersion": "1.2.1", "root": {"path": "rootfs"}, "mounts": mounts}
    (tmp_path / "config.json").write_text(json.dumps(document))
    told: list[str] = []
    spec = read_spec(str(tmp_path), warn=told.append)
    assert [mount.options for mount in spec.mounts] == [("rbind", "ro", "idmap=uids=0-1-10"), ("size=1k",)]
    assert told == ["ignored in config.json: mounts.0.options: 'mode=755' of a bind, mounts.0.options: 'size=1k' of a bind"]


def test_a_word_that_is_no_option_of_a_bind_stays_for_the_validation(tmp_path: Path) -> None:
    mounts = [{"destination": "/a", "source": "/", "type": "bind", "options": ["readonly"]}, 5]
    document = {"mounts": mounts}
    assert leave_out_data(document) == []
    assert document == {"mounts": mounts}
    assert leave_out_data([]) == leave_out_data({"mounts": {}}) == []


@pytest.mark.parametrize(
    ("root", "destination", "expected"),
    [
        ("rootfs", "/b/rootfs/mnt", "/mnt"),
        ("/b/rootfs/", "/b//rootfs/./proc/sys", "/proc/sys"),
        ("rootfs", "/b/rootfs/mnt/../etc", "/etc"),
        ("rootfs", "/b/rootfs", "/b/rootfs"),
        ("rootfs", "/b/rootfs2/x", "/b/rootfs2/x"),
        ("rootfs", "/mnt/./x/", "/mnt/./x/"),
        ("/", "/mnt", "/mnt"),
        ("rootfs", 7, 7),
        (7, "/b/rootfs/mnt", "/b/rootfs/mnt"),
    ],
)
def test_destinations_begin_at_the_root(root: object, destination: object, expected: object) -> None:
    document = {"root": {"path": root}, "mounts": [{"destination": destination}, 7]}
    leave_out_root(document, "/b")
    assert document["mounts"] == [{"destination": expected}, 7]


@pytest.mark.parametrize(("options", "root"), [(["bind"], {}), (["rw", "rbind"], {}), (["bind", "ro"], {"readonly": True})])
def test_a_first_bind_on_the_root_is_the_root(options: list[str], root: dict[str, object]) -> None:
    first = {"destination": "/", "source": "other", "type": "none", "options": options}
    document = {"root": {"path": "rootfs"}, "mounts": [first, 7]}
    take_bound_root(document, "/b")
    assert document == {"root": {"path": "other", **root}, "mounts": [7]}


@pytest.mark.parametrize(
    "mounts",
    [
        [7, {"destination": "/", "source": "other", "options": ["bind"]}],
        [{"destination": "/", "source": "other", "options": ["bind", "noexec"]}],
        [{"destination": "/", "source": "other", "options": ["bind"], "uidMappings": []}],
        [{"destination": "/", "source": "tmpfs", "type": "tmpfs", "options": ["ro"]}],
        [{"destination": "/", "source": "other", "options": [7, "bind"]}],
        [{"destination": "/", "options": ["bind"]}],
        [{"destination": "/", "source": "", "options": ["bind"]}],
        [{"destination": "/", "source": "x", "options": ["bind"]}, {"destination": "/m", "source": "/b/rootfs/y"}],
        [{"destination": "/mnt", "source": "other", "options": ["bind"]}],
        [],
        7,
    ],
)
def test_any_other_mount_stays(mounts: object) -> None:
    document = {"root": {"path": "rootfs"}, "mounts": mounts}
    before = copy.deepcopy(document)
    take_bound_root(document, "/b")
    assert document == before


@pytest.mark.parametrize(("option", "left"), [("bind", 1), ("rbind", 0)])
def test_a_plain_bind_with_mounts_below_is_not_the_root(option: str, left: int) -> None:
    """It leaves them out, and a root has them."""
    document = {"root": {"path": "rootfs"}, "mounts": [{"destination": "/", "source": "/sys", "options": [option]}]}
    take_bound_root(document, "/b")
    assert len(document["mounts"]) == left


@pytest.mark.parametrize("document", [[], {}, {"root": {"path": "x"}, "mounts": {}}, {"root": [], "mounts": []}])
def test_a_document_without_mounts_has_no_destinations(document: object) -> None:
    leave_out_root(document, "/b")
