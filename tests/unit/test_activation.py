"""Sockets that systemd has passed: each is served by the rules of its name, or the daemon does not start."""

import os
import socket
from pathlib import Path

import pytest

from containerd_py.activation import sorted_out
from containerd_py.errors import InvalidArgument
from containerd_py.sockets import SocketConfig


def listening(path: Path, *, mode: int = 0o600, kind: socket.SocketKind = socket.SOCK_STREAM) -> int:
    made = socket.socket(socket.AF_UNIX, kind)
    made.bind(str(path))
    path.chmod(mode)
    if kind is not socket.SOCK_DGRAM:
        made.listen()
    return made.detach()


def test_each_has_the_rules_of_its_name(tmp_path: Path) -> None:
    settings = (
        SocketConfig(path=str(tmp_path / "web"), name="web", labels=("team=web",)),
        SocketConfig(path=str(tmp_path / "made")),
    )
    found = {
        listening(tmp_path / "one"): "pycontainerd.socket",
        listening(tmp_path / "web"): "web",
        listening(tmp_path / "two"): "pycontainerd.socket",
        listening(tmp_path / "three", mode=0o666): "unknown",
    }
    passed = sorted_out(found, settings)
    assert [one.getsockname() for one in passed.first] == [str(tmp_path / name) for name in ("one", "two", "three")]
    assert [one.getsockname() for one in passed.further["web"]] == [str(tmp_path / "web")]
    for one in (*passed.first, *passed.further["web"]):
        one.close()


@pytest.mark.parametrize(
    ("name", "made", "told"),
    [
        ("wbe", "web", "no socket of the settings has this name"),
        ("web", "elsewhere", "elsewhere', and that of the settings"),
        ("web", "open", "its mode is 0666, and that of the settings 0600"),
        ("web", "gone", "No such file"),
        ("pycontainerd.socket", "datagram", "no Unix socket at a path that listens for streams"),
        ("pycontainerd.socket", "connected", "no Unix socket at a path that listens for streams"),
        ("pycontainerd.socket", "abstract", "no Unix socket at a path that listens for streams"),
        ("pycontainerd.socket", "tcp", "no Unix socket at a path that listens for streams"),
        ("pycontainerd.socket", "fifo", "is no socket"),
    ],
)
def test_what_is_for_nothing_keeps_the_daemon_from_starting(tmp_path: Path, name: str, made: str, told: str) -> None:
    settings = (SocketConfig(path=str(tmp_path / "web"), name="web"),)
    first, last = listening(tmp_path / "first"), listening(tmp_path / "last")
    number = _made(tmp_path, made)
    with pytest.raises(InvalidArgument, match=told) as refused:
        sorted_out({first: "pycontainerd.socket", number: name, last: "pycontainerd.socket"}, settings)
    assert refused.value.message.startswith(f"cannot serve passed socket {name!r}: ")
    for closed in (first, last):
        with pytest.raises(OSError, match="Bad file descriptor"):
            os.fstat(closed)


def _made(folder: Path, what: str) -> int:
    if what == "fifo":
        read, write = os.pipe()
        os.close(write)
        return read
    if what == "tcp":
        return socket.create_server(("127.0.0.1", 0)).detach()
    if what == "abstract":
        made = socket.socket(socket.AF_UNIX)
        made.bind(f"\0pycontainerd-test-{os.getpid()}")
        made.listen()
        return made.detach()
    if what == "connected":
        one, other = socket.socketpair()
        other.close()
        return one.detach()
    if what == "datagram":
        return listening(folder / "web", kind=socket.SOCK_DGRAM)
    number = listening(folder / ("elsewhere" if what == "elsewhere" else "web"), mode=0o666 if what == "open" else 0o600)
    if what == "gone":
        (folder / "web").unlink()
    return number
