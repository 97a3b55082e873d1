"""R23: what a daemon and a spawner of other versions say to each other before the spawner is upgraded.

The forms are those of the protocol's versions 1 to 3, letter by letter: programs that are running have them, and whoever
changes what is read or written here can no longer take over what these have.
"""

import contextlib
import json
import os
import socket
from collections.abc import Iterator

import pytest

from containerd_py.runtime.linux.fd import Fd
from containerd_py.runtime.linux.memfd import sealed
from containerd_py.runtime.linux.pidfd import WaitStatus
from containerd_py.runtime.spawner.client import Hello, Inherited, Ready, SpawnerClient
from containerd_py.runtime.spawner.keeper import Keeper

_HELLOS = {
    '{"op": "hello", "protocol": 1, "version": "0.1.0", "pid": 7}': Hello(1, "0.1.0", 7, 1),
    '{"op": "hello", "protocol": 2, "version": "0.1.0", "pid": 7, "plan": 2}': Hello(2, "0.1.0", 7, 2),
    '{"op": "hello", "protocol": 3, "version": "0.1.0", "pid": 7, "plan": 5}': Hello(3, "0.1.0", 7, 5),
    '{"op": "hello", "protocol": 4, "version": "0.2.0", "pid": 7, "plan": 9, "later": []}': Hello(4, "0.2.0", 7, 9),
}
_CONTAINER = '{"op": "container", "id": "abc", "pid": 7, "keep": ["stdout"], "exit": {"code": 3, "signal": null}%s}'
_UPGRADE = {"op", "arguments"}


@pytest.fixture
def ends() -> Iterator[tuple[SpawnerClient, socket.socket]]:
    """The daemon's connection, and the end of a spawner that the test plays."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    link = SpawnerClient(ours)
    with theirs:
        yield link, theirs
        link.close()


@pytest.mark.parametrize("told", _HELLOS)
def test_a_daemon_understands_who_it_meets(ends: tuple[SpawnerClient, socket.socket], told: str) -> None:
    link, spawner = ends
    spawner.sendall(told.encode())
    assert link.receive() == _HELLOS[told]


@pytest.mark.parametrize("more", ["", ', "later": {}'])
def test_a_daemon_understands_what_it_has(ends: tuple[SpawnerClient, socket.socket], more: str) -> None:
    link, spawner = ends
    with Fd(os.pidfd_open(os.getpid())) as pidfd:
        socket.send_fds(spawner, [(_CONTAINER % more).encode()], [pidfd.fileno(), spawner.fileno()])
    spawner.sendall(b'{"op": "ready"}')
    told = link.receive()
    assert isinstance(told, Inherited)
    assert (told.id, told.pid, list(told.kept), told.exit) == ("abc", 7, ["stdout"], WaitStatus(3, None))
    for fd in (told.pidfd, *told.kept.values()):
        fd.close()
    assert link.receive() == Ready()


def test_a_daemon_asks_for_an_upgrade_as_ever(ends: tuple[SpawnerClient, socket.socket]) -> None:
    link, spawner = ends
    link.upgrade()
    message, fds, _flags, _address = socket.recv_fds(spawner, 65_536, 4)
    for fd in fds:
        os.close(fd)
    asked = json.loads(message)
    assert asked.keys() == _UPGRADE
    assert asked["op"] == "upgrade"
    assert all(isinstance(one, str) for one in asked["arguments"])
    assert len(fds) == 1
    link.quit()
    assert json.loads(spawner.recv(65_536)) == {"op": "quit"}


@pytest.mark.parametrize("more", [{}, {"later": None}], ids=["as ever", "of a later version"])
def test_a_spawner_takes_over_what_another_version_has_left(more: dict[str, None]) -> None:
    """Among its children: one that runs, one that has ended, and one that was forgotten before it was reaped."""
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    fds = [os.pidfd_open(os.getpid()) for _ in range(3)]
    read, write = os.pipe()
    children = [
        {"id": "runs", "pid": 7, "pidfd": fds[0], "kept": {"stdout": read}, "exit": None, "forgotten": False},
        {"id": "over", "pid": 8, "pidfd": fds[1], "kept": {}, "exit": {"code": 3, "signal": None}, "forgotten": False},
        {"id": "gone", "pid": 9, "pidfd": fds[2], "kept": {}, "exit": None, "forgotten": True},
    ]
    document = {"listener": listener.detach(), "children": [child | more for child in children]} | more
    keeper = Keeper.resume(sealed("spawner-state", json.dumps(document).encode()).take(), contextlib.nullcontext())
    try:
        assert {child.id: child.exit for child in keeper._children.values()} == {
            "runs": None,
            "over": {"code": 3, "signal": None},
        }
        assert sorted(child.pid for child in keeper._by_pidfd.values()) == [7, 9]
        assert keeper._children["runs"].kept["stdout"].fileno() == read
        assert not any(os.get_inheritable(fd) for fd in (*fds, read))
    finally:
        for child in {child.id: child for child in keeper._all()}.values():
            child.close()
        keeper._poll.close()
        keeper._listener.close()
        os.close(write)
