"""The engine's link to a real spawner: found, upgraded, lost and replaced. Needs root and busybox-static."""

import asyncio
import contextlib
import errno
import os
import signal
import socket
import subprocess
import weakref
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import structlog.testing

from containerd_py import __version__
from containerd_py.engine import spawner_meeting
from containerd_py.engine.fd_store import FdStore
from containerd_py.engine.service_manager import ServiceManager
from containerd_py.engine.spawner import SpawnerLink, give_up
from containerd_py.engine.spawner_meeting import Meeting
from containerd_py.errors import Unavailable
from containerd_py.runtime import process
from containerd_py.runtime.launcher import open_dialogue
from containerd_py.runtime.linux.fd import Fd
from containerd_py.runtime.linux.pidfd import WaitStatus
from containerd_py.runtime.plan import plan
from containerd_py.runtime.plan.plan import Plan
from containerd_py.runtime.spawner import client, protocol, seal
from containerd_py.runtime.spawner.client import Hello, Inherited, Spawned
from containerd_py.runtime.spawner.request import ForkRequest
from containerd_py.runtime.spawner.roles import SPAWNER_NAME
from tests.faults.silent_server import LOOKUP, silent_server
from tests.integration.runtime.test_worker import plan_for
from tests.integration.spawner.spawner_process import Container, Spawner, close, until

LONG_S = 30
SLEEP = ("/bin/sleep", "1000")
OTHER = {
    "an earlier protocol": "from containerd_py.runtime.spawner import protocol; protocol.PROTOCOL -= 1; ",
    "a later protocol": "from containerd_py.runtime.spawner import protocol; protocol.PROTOCOL += 1; ",
    "version": "from containerd_py.runtime.spawner import keeper; keeper.__version__ = '0.0.0'; ",
    "plan": "from containerd_py.runtime.plan import plan; plan.FORMAT = 1; ",
}
CURRENT = (protocol.PROTOCOL, __version__, plan.FORMAT)


@dataclass
class Daemon:
    """What the engine would note."""

    link: SpawnerLink
    exits: list[tuple[str, WaitStatus]] = field(default_factory=list)
    losses: int = 0

    def lost(self) -> None:
        self.losses += 1

    async def spawn(self, container_id: str, wanted: Plan) -> tuple[Spawned, Container]:
        ours, theirs = open_dialogue()
        process.send_plan(ours, wanted, {})
        try:
            with theirs:
                told = await self.link.spawn(container_id, ForkRequest(theirs.fileno(), wanted.clone_flags()), {})
        except BaseException:
            ours.close()
            raise
        return told, Container(container_id, told.pid, told.pidfd, ours)


def daemon_in(folder: Path) -> Daemon:
    exits: list[tuple[str, WaitStatus]] = []
    found: list[Daemon] = []
    link = SpawnerLink(
        str(folder),
        FdStore(ServiceManager()),
        on_exit=lambda container_id, status: exits.append((container_id, status)),
        on_lost=lambda: found[0].lost(),
    )
    found.append(Daemon(link, exits))
    return found[0]


@pytest.fixture
async def daemon(folder: Path) -> AsyncIterator[Daemon]:
    """A daemon that has started its spawner, which has to end with it."""
    running = daemon_in(folder)
    assert await running.link.start() == []
    running.link.listen()
    pid = running.link.pid
    yield running
    await running.link.close(end=True)
    assert not os.path.exists(f"/proc/{pid}")
    assert not (folder / client.SOCKET_NAME).exists()


@pytest.fixture
async def later(folder: Path) -> AsyncIterator[Daemon]:
    """A daemon that comes when there is a spawner already."""
    running = daemon_in(folder)
    yield running
    await running.link.close(end=False)


async def come_true(true: Callable[[], object]) -> None:
    async with asyncio.timeout(LONG_S):
        while not true():
            await asyncio.sleep(0.002)


async def test_a_spawner_is_started_where_there_is_none(daemon: Daemon) -> None:
    assert daemon.link.pid is not None
    assert Path(f"/proc/{daemon.link.pid}/comm").read_text().strip() == "pyc:[0:SPAWN]"


async def test_a_worker_that_nobody_waits_for_any_more_ends(daemon: Daemon, rootfs: Path) -> None:
    """As when the plan turns out to be no good while the spawner forks."""
    before = set(os.listdir("/proc/self/fd"))
    ours, theirs = open_dialogue()
    with theirs:
        spawning = daemon.link.spawn("abc", ForkRequest(theirs.fileno(), plan_for(rootfs, *SLEEP).clone_flags()), {})
        spawning.cancel()
    ours.close()
    forgotten = weakref.ref(spawning)
    del spawning
    await come_true(lambda: daemon.exits)
    assert [container for container, _status in daemon.exits] == ["abc"]
    assert set(os.listdir("/proc/self/fd")) == before
    assert forgotten() is None
    daemon.link.forget("abc")


async def test_a_worker_that_is_there_when_it_is_given_up_leaves_no_descriptor(daemon: Daemon, rootfs: Path) -> None:
    ours, theirs = open_dialogue()
    with theirs:
        spawning = daemon.link.spawn("abc", ForkRequest(theirs.fileno(), plan_for(rootfs, *SLEEP).clone_flags()), {})
        pidfd = (await spawning).pidfd
    ours.close()
    give_up(spawning)
    await come_true(lambda: repr(pidfd) == "Fd(closed)")
    await come_true(lambda: daemon.exits)
    daemon.link.forget("abc")


async def test_what_is_asked_of_a_spawner_that_dies_while_it_tells_what_it_has_is_refused(
    folder: Path, later: Daemon, rootfs: Path
) -> None:
    """Whoever waits for an answer of it would wait for ever."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
        listener.bind(str(folder / client.SOCKET_NAME))
        listener.listen()
        starting = asyncio.ensure_future(later.link.start())
        dying, _ = await asyncio.to_thread(listener.accept)
        with pytest.raises(Unavailable, match="the spawner has ended"):
            await later.spawn("abc", plan_for(rootfs, *SLEEP))
    dying.close()
    async with asyncio.timeout(LONG_S):
        assert await starting == []
        later.link.listen()
        _told, container = await later.spawn("abc", plan_for(rootfs, *SLEEP))
    container.close()
    later.link.forget("abc")
    await later.link.close(end=True)


async def test_ends_are_told(daemon: Daemon, rootfs: Path) -> None:
    _told, container = await daemon.spawn("abc", plan_for(rootfs, *SLEEP))
    with contextlib.closing(container):
        await asyncio.to_thread(container.ready)
        container.kill()
        await come_true(lambda: daemon.exits)
    assert daemon.exits == [("abc", WaitStatus(None, signal.SIGKILL))]
    daemon.link.forget("abc")


async def test_answers_find_those_who_asked(daemon: Daemon, rootfs: Path) -> None:
    plans = {f"c{number}": plan_for(rootfs, "/bin/sh", "-c", f"exit {number}") for number in range(10)}
    found = await asyncio.gather(*(daemon.spawn(container_id, plan) for container_id, plan in plans.items()))
    for _told, container in found:
        await asyncio.to_thread(container.ready)
        await asyncio.to_thread(container.start)
    await come_true(lambda: len(daemon.exits) == 10)
    assert dict(daemon.exits) == {f"c{number}": WaitStatus(number, None) for number in range(10)}
    for _told, container in found:
        container.close()
        daemon.link.forget(container.id)


async def test_a_spawner_of_this_version_is_taken_as_it_is(folder: Path, later: Daemon) -> None:
    with contextlib.closing(Spawner(folder)) as spawner:
        await come_true(lambda: Path(f"/proc/{spawner.pid}/comm").read_text().strip() == SPAWNER_NAME)
        command = _command_line(spawner.pid)
        assert await later.link.start() == []
        later.link.listen()
        assert later.link.pid == spawner.pid
        assert _command_line(spawner.pid) == command  # no execve in between: it would be told what to take over


def _command_line(pid: int) -> bytes:
    return Path(f"/proc/{pid}/cmdline").read_bytes()


def _versions(hello: Hello) -> tuple[int, str, int]:
    return hello.protocol, hello.version, hello.plan


@pytest.mark.parametrize("differs", OTHER)
async def test_a_spawner_of_another_version_is_upgraded_in_place(
    folder: Path, later: Daemon, rootfs: Path, monkeypatch: pytest.MonkeyPatch, differs: str
) -> None:
    head, import_, tail = seal._BOOTSTRAP.partition("from ")
    with monkeypatch.context() as patched:
        patched.setattr(seal, "_BOOTSTRAP", head + OTHER[differs] + import_ + tail)
        spawner = Spawner(folder)
    with contextlib.closing(spawner):
        hello, _inventory = spawner.meet()
        assert _versions(hello) != CURRENT
        with monkeypatch.context() as patched:
            patched.setattr(plan, "FORMAT", hello.plan)
            container = spawner.run("abc", plan_for(rootfs, *SLEEP))
        spawner.hang_up()

        (entry,) = await later.link.start()
        later.link.listen()
        assert isinstance(entry, Inherited)
        assert (entry.id, entry.pid, later.link.pid) == ("abc", container.pid, spawner.pid)
        close(entry)
        container.kill()
        await come_true(lambda: later.exits)
        assert later.exits == [("abc", WaitStatus(None, signal.SIGKILL))]
        assert later.losses == 0
        later.link.forget("abc")
        await later.link.close(end=False)
        hello, _inventory = spawner.meet()
        assert _versions(hello) == CURRENT


async def test_upgrades_again_and_again(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spawner_meeting, "__version__", "another")  # so that each start upgrades
    with contextlib.closing(Spawner(folder)) as spawner:
        for _ in range(60):
            daemon = daemon_in(folder)
            assert await daemon.link.start() == []
            daemon.link.listen()
            assert daemon.link.pid == spawner.pid
            await daemon.link.close(end=False)


async def test_the_death_of_the_spawner_is_told_and_another_one_is_started(daemon: Daemon) -> None:
    first = daemon.link.pid
    assert first is not None
    os.kill(first, signal.SIGKILL)
    await come_true(lambda: daemon.losses)
    assert daemon.link.pid is None
    assert await daemon.link.start() == []
    daemon.link.listen()
    assert daemon.link.pid not in (None, first)
    assert not os.path.exists(f"/proc/{first}")  # reaped: its number means nobody
    assert daemon.losses == 1


async def test_why_it_hangs_up_is_logged(daemon: Daemon) -> None:
    """It says so itself: a request that it cannot read, and a defect of its own, would be the same silence."""
    pid, asked = daemon.link.pid, daemon.link._client
    assert asked is not None
    with structlog.testing.capture_logs() as logs:
        asked._send({"op": "dance"}, [])
        await come_true(lambda: daemon.losses)
    assert [(one["event"], one["error"].partition(" (")[0]) for one in logs] == [
        ("spawner hangs up", "cannot do 'dance': KeyError: 'dance'")
    ]
    assert await daemon.link.start() == []
    assert daemon.link.pid == pid


async def test_those_who_wait_when_it_dies_are_told_to_try_again(daemon: Daemon, rootfs: Path) -> None:
    assert daemon.link.pid is not None
    os.kill(daemon.link.pid, signal.SIGSTOP)
    asking = [asyncio.ensure_future(daemon.spawn(f"c{number}", plan_for(rootfs, *SLEEP))) for number in range(3)]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    os.kill(daemon.link.pid, signal.SIGKILL)
    for problem in await asyncio.gather(*asking, return_exceptions=True):
        assert isinstance(problem, Unavailable)
        assert problem.hint
    await come_true(lambda: daemon.losses)
    with pytest.raises(Unavailable):
        await daemon.spawn("more", plan_for(rootfs, *SLEEP))
    await daemon.link.start()
    daemon.link.listen()


async def test_much_that_is_said_to_a_spawner_that_is_stopped_waits_and_arrives(daemon: Daemon, rootfs: Path) -> None:
    assert daemon.link.pid is not None
    _told, container = await daemon.spawn("abc", plan_for(rootfs, *SLEEP))
    with contextlib.closing(container):
        os.kill(daemon.link.pid, signal.SIGSTOP)
        read, write = os.pipe2(os.O_CLOEXEC)
        for number in range(2000):
            daemon.link.keep("abc", {f"fd{number}": write})
        os.close(write)
        daemon.link.forget("abc")
        os.kill(daemon.link.pid, signal.SIGCONT)
        async with asyncio.timeout(LONG_S):
            assert await asyncio.to_thread(os.read, read, 1) == b""  # everything was kept, and then dropped
        os.close(read)
        container.kill()
        await asyncio.to_thread(until, lambda: not os.path.exists(f"/proc/{container.pid}"))


async def test_what_happens_before_anybody_listens_is_told_then(folder: Path, later: Daemon, rootfs: Path) -> None:
    with contextlib.closing(Spawner(folder)) as spawner:
        spawner.meet()
        container = spawner.run("abc", plan_for(rootfs, *SLEEP))
        spawner.hang_up()
        (entry,) = await later.link.start()
        assert isinstance(entry, Inherited)
        close(entry)
        container.kill()
        await asyncio.sleep(0.2)
        assert later.exits == []
        later.link.listen()
        await come_true(lambda: later.exits)
    assert later.exits == [("abc", WaitStatus(None, signal.SIGKILL))]


async def test_a_spawner_that_died_before_anybody_listened_is_told_as_lost(folder: Path, later: Daemon) -> None:
    await later.link.start()
    pid = later.link.pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    await asyncio.sleep(0.05)
    assert later.losses == 0
    later.link.listen()
    await come_true(lambda: later.losses)
    assert later.losses == 1
    assert await later.link.start() == []
    later.link.listen()
    await later.link.close(end=True)


async def test_one_that_cannot_be_held_is_asked_anew(
    folder: Path, later: Daemon, rootfs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At the limit of descriptors: else the daemon would stay connected to a spawner that it does not hear."""
    with contextlib.closing(Spawner(folder)) as spawner:
        spawner.meet()
        container = spawner.run("abc", plan_for(rootfs, *SLEEP))
        spawner.hang_up()
        with monkeypatch.context() as patched:
            patched.setattr(os, "pidfd_open", _refuse)
            with pytest.raises(Unavailable, match="cannot hold spawner"):
                await later.link.start()
        assert later.link.pid is None
        (entry,) = await later.link.start()
        later.link.listen()
        close(entry)
        container.kill()
        await come_true(lambda: later.exits)
        await later.link.close(end=False)


def _refuse(_pid: int) -> int:
    raise OSError(errno.EMFILE, "too many open files")


async def test_leaving_it_alone_leaves_it_to_the_next_daemon(folder: Path, later: Daemon) -> None:
    with contextlib.closing(Spawner(folder)) as spawner:
        await later.link.start()
        await later.link.close(end=False)
        assert later.link.pid is None
        assert spawner.meet()[0].pid == spawner.pid


async def test_what_answers_and_hangs_up_for_ever_is_no_spawner(folder: Path, later: Daemon) -> None:
    """Another daemon's spawner turns us away: that is told, not waited for."""
    with contextlib.closing(Spawner(folder)) as spawner:
        spawner.meet()
        with pytest.raises(Unavailable, match="cannot start spawner"):
            await later.link.start()
        assert later.link.pid is None


async def test_one_whose_queue_is_full_is_not_waited_for(folder: Path, later: Daemon) -> None:
    """It has not answered several daemons before: whoever connects in a blocking way waits until it does."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener, contextlib.ExitStack() as waiting:
        listener.bind(str(folder / client.SOCKET_NAME))
        listener.listen(0)
        taken = 0
        while not taken:
            one = waiting.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET))
            one.settimeout(0)
            taken = one.connect_ex(str(folder / client.SOCKET_NAME))
        assert taken == errno.EAGAIN
        with pytest.raises(Unavailable, match="its queue is full"):
            await later.link.start()


def reader(path: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen(["/bin/cat", str(path)], stderr=subprocess.DEVNULL)


@pytest.mark.skipif(not Path("/dev/fuse").exists(), reason="this host has no FUSE")
async def test_a_former_one_that_does_not_even_end_is_not_waited_for(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spawner_meeting, "_START_S", 0.5)
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
        listener.bind(str(folder / client.SOCKET_NAME))
        listener.listen()
        with silent_server(tmp_path / "silent", LOOKUP) as asked:
            stuck = reader(tmp_path / "silent/file")
            assert await asyncio.to_thread(asked.wait, LONG_S)
            with Fd(os.pidfd_open(stuck.pid)) as former, pytest.raises(Unavailable, match="cannot start spawner"):
                await asyncio.wait_for(Meeting(str(folder)).run(former), LONG_S)
            assert stuck.poll() is None
        assert stuck.wait(LONG_S) == -signal.SIGKILL


async def test_a_stale_socket_does_not_keep_a_spawner_from_starting(folder: Path) -> None:
    with contextlib.closing(Spawner(folder)) as gone:
        os.kill(gone.pid, signal.SIGKILL)
        gone.wait()
    assert (folder / client.SOCKET_NAME).exists()
    daemon = daemon_in(folder)
    assert await daemon.link.start() == []
    daemon.link.listen()
    await daemon.link.close(end=True)
