"""Finding the spawner of an earlier daemon, or starting one; one of another version is upgraded in place."""

from __future__ import annotations

import asyncio
import os
import signal
from contextlib import suppress

import structlog

from containerd_py import __version__
from containerd_py.engine.own_thread import in_own_thread
from containerd_py.engine.readiness import readable
from containerd_py.errors import Unavailable
from containerd_py.light.dataclasses import dataclass
from containerd_py.runtime.linux.fd import Fd
from containerd_py.runtime.linux.pidfd import pidfd_send_signal
from containerd_py.runtime.plan.plan import FORMAT
from containerd_py.runtime.spawner import client, protocol
from containerd_py.runtime.spawner.client import Hello, Inherited, Parting, Ready, SpawnerClient

_log = structlog.get_logger()

_START_S = 10.0
_ATTEMPTS = 3
_REAP_ATTEMPTS = 100
_REAP_PAUSE_S = 0.01


@dataclass(frozen=True)
class Met:
    """A spawner of this version. inventory: what it had when it was met."""

    link: SpawnerClient
    pid: int
    inventory: list[Inherited]

    def close(self) -> None:
        _close(self.inventory)
        self.link.close()


class Meeting:
    """One spawner at a time; those that this daemon has started are its children, and reaped by it."""

    def __init__(self, state_dir: str) -> None:
        self._state_dir = state_dir
        self._started: set[int] = set()  # not yet reaped

    async def run(self, former: Fd | None) -> Met:
        """Return one that answers. Raises Unavailable.

        former: pidfd of an earlier one, if anybody knows it: that is ended where it does not answer, and replaced.
        """
        try:
            return await self._in_time(former)
        except (TimeoutError, OSError, ValueError) as problem:
            raise Unavailable(
                f"cannot start spawner: {str(problem) or 'it does not answer'}",
                step="spawner",
                hint="see the log of the daemon",
            ) from problem

    async def _in_time(self, former: Fd | None) -> Met:
        try:
            async with asyncio.timeout(_START_S):
                return await self._current()
        except TimeoutError:
            if former is None:
                raise
        _log.error("spawner of an earlier daemon does not answer; it is ended")
        with suppress(ProcessLookupError):
            pidfd_send_signal(former.fileno(), signal.SIGKILL)
        async with asyncio.timeout(_START_S):
            await readable(former.fileno())
        async with asyncio.timeout(_START_S):
            return await self._current()

    async def _current(self) -> Met:
        """One of this version."""
        self.reap()
        directory = os.open(self._state_dir, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            link, hello, inventory = await self._meet_alive(directory)
            if (hello.protocol, hello.version, hello.plan) != (protocol.PROTOCOL, __version__, FORMAT):
                _upgrade(link, hello, inventory)
                link, hello, inventory = await self._meet_alive(directory)
        finally:
            os.close(directory)
        self.reap()  # one that had hung up, but not quite ended, at the beginning
        return Met(link, hello.pid, inventory)

    async def _meet_alive(self, directory: int) -> tuple[SpawnerClient, Hello, list[Inherited]]:
        """A spawner that is just dying may still take a connection: then another one is started."""
        for _ in range(_ATTEMPTS - 1):
            with suppress(ConnectionError):
                return await self._meet(directory)
        return await self._meet(directory)

    async def _meet(self, directory: int) -> tuple[SpawnerClient, Hello, list[Inherited]]:
        """Connect and hear the inventory."""
        connection = client.connect(directory)
        if connection is None:
            self._started.add(await in_own_thread(_start, Fd(os.dup(directory))))
            connection = client.connect(directory)
        if connection is None:
            raise ConnectionRefusedError("the spawner does not listen")
        link, inventory = SpawnerClient(connection), list[Inherited]()
        try:
            hello = await _hear(link, inventory)
        except BaseException:
            _close(inventory)
            link.close()
            raise
        return link, hello, inventory

    def reaps(self, pid: int) -> bool:
        return pid in self._started

    async def reap_all(self) -> None:
        for _ in range(_REAP_ATTEMPTS):
            self.reap()
            if not self._started:
                return
            await asyncio.sleep(_REAP_PAUSE_S)

    def reap(self) -> None:
        """Reap spawners of ours that have ended: until then no other process has such a pid."""
        for pid in tuple(self._started):
            try:
                ended, _status = os.waitpid(pid, os.WNOHANG)
            except ChildProcessError:
                ended = pid  # somebody else has reaped it
            if ended:
                self._started.discard(pid)


async def _hear(link: SpawnerClient, inventory: list[Inherited]) -> Hello:
    """Fill the inventory. Raises ConnectionResetError, ValueError."""
    hello: Hello | None = None
    while True:
        await readable(link.fileno())
        told = link.receive()
        match told:
            case Hello():
                hello = told
            case Inherited():
                inventory.append(told)
            case Ready() if hello is not None:
                return hello
            case Parting():
                raise ConnectionResetError(f"the spawner hung up: {told.text}")
            case None:
                raise ConnectionResetError("the spawner hung up; it serves another daemon")
            case _:
                raise ValueError("the spawner does not say what it has")


def _close(inventory: list[Inherited]) -> None:
    for entry in inventory:
        for fd in (entry.pidfd, *entry.kept.values()):
            fd.close()


def _upgrade(link: SpawnerClient, hello: Hello, inventory: list[Inherited]) -> None:
    """Have an older spawner become this version: same process, same containers."""
    _log.info("upgrading spawner", pid=hello.pid, old=hello.version, new=__version__)
    _close(inventory)
    link.upgrade()
    link.close()


def _start(directory: Fd) -> int:
    with directory:
        return client.start(directory.fileno())


async def gone(link: SpawnerClient) -> None:
    """Wait, a short time, until the spawner has hung up."""
    try:
        async with asyncio.timeout(1):
            while True:
                await readable(link.fileno())
                if link.receive() is None:
                    return
    except (TimeoutError, OSError, ValueError):
        return
