"""What the service manager is told to keep, and what is found of what it kept."""

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from pathlib import Path

import pytest

from containerd_py.engine.fd_store import PIDFD, FdStore, most_of, pid_of, stored
from containerd_py.engine.service_manager import ServiceManager, take_passed
from containerd_py.errors import InvalidArgument
from containerd_py.runtime.linux.fd import Fd
from containerd_py.runtime.linux.passing import receive_fds


def quick(client: ServiceManager, passed: Iterable[tuple[str, Fd]] = (), *, most: int = 5000) -> FdStore:
    """Return a store that tells everything at the next turn of the loop."""
    return FdStore(client, passed, most=most, pause_s=0)


class Manager:
    """A service manager that keeps, by name."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.kept: dict[str, list[Fd]] = {}
        self.told: list[str] = []
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(path))
        self._socket.setblocking(False)  # noqa: FBT003 - the socket's own signature

    def hear(self) -> None:
        while True:
            try:
                data, fds = receive_fds(self._socket, 4096, 8)
            except BlockingIOError:
                return
            self.told.append(data.decode())
            fields = dict(line.split("=", 1) for line in data.decode().split("\n"))
            if "FDSTORE" in fields:
                assert fields["FDPOLL"] == "0"
                self.kept.setdefault(fields["FDNAME"], []).append(Fd(fds[0]))
            elif "FDSTOREREMOVE" in fields:
                for fd in self.kept.pop(fields["FDNAME"]):
                    fd.close()

    async def passed(self) -> list[tuple[str, Fd]]:
        """Return what the next daemon is given."""
        await self.turn()
        return [(name, Fd(os.dup(fd.fileno()))) for name, fds in self.kept.items() for fd in fds]

    async def kinds(self) -> list[str]:
        await self.turn()
        return sorted(name.partition(".")[2] for name in self.kept)

    async def turn(self) -> None:
        """Hear what is told within the next turns of the loop."""
        for _ in range(3):
            await asyncio.sleep(0.001)
        self.hear()

    def close(self) -> None:
        self._socket.close()
        for fds in self.kept.values():
            for fd in fds:
                fd.close()


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[Manager]:
    one = Manager(tmp_path / "notify")
    yield one
    one.close()


@pytest.fixture
async def client(manager: Manager) -> AsyncIterator[ServiceManager]:
    one = ServiceManager(str(manager.path))
    yield one
    one.close()


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    read, write = os.pipe()
    yield read, write
    os.close(read)
    os.close(write)


async def test_everything_by_a_name_of_its_own(manager: Manager, client: ServiceManager, pipe: tuple[int, int]) -> None:
    store = quick(client)
    store.keep("a" * 128, {"stdout": pipe[0], "stdin": pipe[1]})
    store.keep("b", {"stdout": pipe[0]})
    assert await manager.kinds() == ["stdin", "stdout", "stdout"]
    assert all(stored(name) and ":" not in name and len(name) < 26 for name in manager.kept)
    store.drop("a" * 128, "stdin", "never there")
    assert await manager.kinds() == ["stdout", "stdout"]
    store.forget("a" * 128)
    store.forget("b")
    assert await manager.kinds() == []


async def test_one_of_the_same_name_takes_the_place(
    manager: Manager, client: ServiceManager, pipe: tuple[int, int]
) -> None:
    store = quick(client)
    store.keep("a", {"stdout": pipe[0]})
    await manager.turn()
    store.keep("a", {"stdout": pipe[1]})
    await manager.turn()
    ((kept,),) = manager.kept.values()
    os.write(kept.fileno(), b"it is the writing end")
    assert os.read(pipe[0], 100) == b"it is the writing end"
    store.forget("a")


async def test_what_is_over_in_a_moment_is_never_told(
    manager: Manager, client: ServiceManager, pipe: tuple[int, int]
) -> None:
    store = FdStore(client, pause_s=60)
    store.keep("a", {"control": pipe[0], "stdout": pipe[0]})
    store.drop("a", "control")
    store.flush()
    assert await manager.kinds() == ["stdout"]
    store.keep("b", {"stdout": pipe[0]})
    store.forget("b")
    store.keep("c", {"stdout": pipe[0]})
    store.close()
    assert len(manager.told) == 1
    await manager.turn()
    assert len(manager.told) == 1


async def test_the_next_daemon_takes_back_what_it_knows(
    manager: Manager, client: ServiceManager, pipe: tuple[int, int]
) -> None:
    first = quick(client)
    first.keep("a", {"stdout": pipe[0]})
    first.keep("gone", {"stdout": pipe[0]})
    second = quick(client, await manager.passed())
    found = second.recall("a")
    assert list(found) == ["stdout"]
    assert second.recall("a") == {}
    assert second.recall("unknown") == {}
    assert second.settle({"a": {"stdout": found["stdout"].fileno(), "stdin": pipe[1]}}) == []
    assert await manager.kinds() == ["stdin", "stdout"]  # what was there is not told again, what nobody wants is gone
    assert sum(told.startswith("FDSTORE=1") for told in manager.told) == 3
    found["stdout"].close()


async def test_processes_that_nobody_asked_for_are_told(manager: Manager, client: ServiceManager) -> None:
    with Fd(os.pidfd_open(os.getpid())) as pidfd:
        quick(client).keep("lost", {PIDFD: pidfd.fileno()})  # it has its own duplicate
    (lost,) = quick(client, await manager.passed()).settle({})
    assert pid_of(lost) == os.getpid()
    lost.close()
    assert await manager.kinds() == []


async def test_no_more_than_the_manager_takes(manager: Manager, client: ServiceManager, pipe: tuple[int, int]) -> None:
    store = quick(client, most=2)
    store.keep("a", {"one": pipe[0], "two": pipe[0], "three": pipe[0]})
    assert await manager.kinds() == ["one", "two"]
    store.drop("a", "one")
    store.keep("b", {"four": pipe[0]})
    assert await manager.kinds() == ["four", "two"]


async def test_a_manager_that_is_slow_is_told_in_order(tmp_path: Path) -> None:
    slow = Manager(tmp_path / "slow")
    client = ServiceManager(str(slow.path))
    count = 2000  # more than the queue of a socket holds
    for number in range(count):
        client.tell(f"NUMBER={number}")
    while len(slow.told) < count:
        slow.hear()
        await asyncio.sleep(0)
    assert slow.told == [f"NUMBER={number}" for number in range(count)]
    client.close()
    slow.close()

    await asyncio.sleep(0)


async def test_a_manager_that_is_gone_costs_nothing(tmp_path: Path) -> None:
    client = ServiceManager(str(tmp_path / "nobody"))
    client.tell("READY=1")
    back = Manager(tmp_path / "nobody")
    client.tell("READY=1")
    back.hear()
    assert back.told == ["READY=1"]
    client.close()
    back.close()


@pytest.mark.parametrize(("told", "most"), [({}, 5000), ({"FDSTORE": "7"}, 7), ({"FDSTORE": "x"}, 5000)])
def test_how_many_it_takes(told: dict[str, str], most: int) -> None:
    assert most_of(told) == most


@pytest.fixture
def passed(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    def tell(pid: str) -> None:
        for name, value in {"FDS": "1", "PID": pid, "FDNAMES": "a"}.items():
            monkeypatch.setenv(f"LISTEN_{name}", value)

    return tell


def test_what_is_passed_to_another_process_is_not_ours(passed: Callable[[str], None]) -> None:
    passed("1")
    assert take_passed() == []
    assert not [name for name in os.environ if name.startswith("LISTEN_")]


def test_variables_that_are_none_are_told(passed: Callable[[str], None]) -> None:
    passed("x")
    with pytest.raises(InvalidArgument, match="LISTEN_PID='x'"):
        take_passed()
