"""The daemon's one connection to systemd: what is asked on it does not block, and it is made again when it is lost."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from typing import TYPE_CHECKING, TypeVar

import structlog

from containerd_py.engine.own_thread import in_own_thread
from containerd_py.errors import ContainerdError
from containerd_py.light.dataclasses import dataclass
from containerd_py.runtime.cgroups.systemd import steps
from containerd_py.runtime.cgroups.systemd.bus import connect
from containerd_py.runtime.cgroups.systemd.client import TIMEOUT_S, check_version
from containerd_py.runtime.cgroups.systemd.conversation import ConnectionLost, Conversation, Greeted, greeting
from containerd_py.runtime.cgroups.systemd.refusal import gone, late
from containerd_py.runtime.linux.passing import send_fds

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Sequence

    from containerd_py.engine.tasks import Tasks
    from containerd_py.runtime.cgroups.systemd.bus import Address
    from containerd_py.runtime.cgroups.systemd.conversation import JobBegun, Steps
    from containerd_py.runtime.cgroups.systemd.property import Property

_log = structlog.get_logger()
Outcome = TypeVar("Outcome")

_CHUNK_BYTES = 65536
_PAUSE_S = 0.02
_AGAIN_S = 1.0
_ANEW = 6
"""So many times longer than an answer takes systemd to be executed anew, on a busy machine."""


@dataclass(frozen=True)
class _Opened:
    connection: socket.socket
    address: Address

    def close(self) -> None:
        self.connection.close()


def _open(addresses: tuple[Address, ...], deadline: float) -> _Opened:
    """Blocking."""
    return _Opened(*connect(addresses, deadline))


class SystemdBus:
    """`connect` before use. on_job: told of each job that systemd begins, as long as there is a connection."""

    def __init__(
        self,
        where: tuple[Address, ...],
        tasks: Tasks,
        *,
        on_job: Callable[[JobBegun], None] = lambda _job: None,
        timeout_s: float = TIMEOUT_S,
    ) -> None:
        self._addresses = where
        self._tasks = tasks
        self._on_job = on_job
        self._timeout_s = timeout_s
        self._connecting = asyncio.Lock()
        self._connection: socket.socket | None = None
        self._conversation = Conversation(on_job)
        self._unsent: deque[tuple[bytes, tuple[int, ...]]] = deque()
        self._closed = False
        self.greeted = Greeted(0, "")
        """Whom it is connected to, or was."""

    async def connect(self) -> Greeted:
        """Raises Unavailable, DeadlineExceeded, NotSupported where systemd is too old."""
        await self._connected(time.monotonic() + self._timeout_s)
        return self.greeted

    async def perform(self, wanted: Steps[Outcome], task: str, *, timeout_s: float | None = None) -> Outcome:
        """Do it to its end. Raises what the steps raise, ConnectionLost among them, and DeadlineExceeded."""
        timeout_s = self._timeout_s if timeout_s is None else timeout_s
        deadline = time.monotonic() + timeout_s
        await self._connected(deadline)
        return await self._exchanged(wanted, task, timeout_s)

    async def repeat(self, wanted: Callable[[], Steps[Outcome]], task: str) -> Outcome:
        """Do what can be done twice: where systemd goes meanwhile, as when it is executed anew, it is asked again.

        Raises what the steps raise, Unavailable where it does not come back in time, DeadlineExceeded.
        """
        deadline = time.monotonic() + _ANEW * self._timeout_s
        while True:
            try:
                return await self.perform(wanted(), task)
            except ConnectionLost as problem:
                if time.monotonic() + _PAUSE_S >= deadline:
                    raise gone(task, str(problem)) from problem
                await asyncio.sleep(_PAUSE_S)

    async def start_scope(self, name: str, properties: Sequence[Property], pid: int, pidfd: int) -> None:
        """Return when the process is in the scope. Where the connection is lost, it is looked for on a new one."""
        deadline, task = time.monotonic() + self._timeout_s, f"start scope {name!r}"
        asked = False
        while True:
            try:
                await self._connected(deadline)
                rest_s = max(deadline - time.monotonic(), _PAUSE_S)
                if asked and await self._exchanged(steps.look_after(name, pid), task, rest_s):
                    return
                asked = True
                await self._exchanged(steps.start(name, properties, pid, pidfd, self.greeted.version), task, rest_s)
            except ConnectionLost as problem:
                if time.monotonic() + _PAUSE_S >= deadline:
                    raise gone(task, str(problem)) from problem
                await asyncio.sleep(_PAUSE_S)
            else:
                return

    def close(self) -> None:
        self._closed = True
        self._drop("the daemon ends")

    # ── the connection ──

    async def _connected(self, deadline: float) -> None:
        async with self._connecting:
            while self._connection is None:
                opened = await self._opened(deadline)
                if self._closed:
                    opened.close()
                    raise gone("reach systemd", "the connection is not wanted any more")
                self._take(opened.connection)
                try:
                    self.greeted = await self._exchanged(
                        greeting(bus=opened.address.bus), "reach systemd", max(deadline - time.monotonic(), _PAUSE_S)
                    )
                    check_version(self.greeted.version)
                except ConnectionLost as problem:
                    self._drop(str(problem))
                    if time.monotonic() + _PAUSE_S >= deadline:
                        raise gone("reach systemd", str(problem)) from problem
                    await asyncio.sleep(_PAUSE_S)
                except BaseException:
                    self._drop("it cannot be used")
                    raise

    async def _opened(self, deadline: float) -> _Opened:
        try:
            return await in_own_thread(_open, self._addresses, deadline)
        except BlockingIOError as problem:
            raise gone("reach systemd", f"there is no thread to ask it by: {problem.strerror}") from problem

    def _take(self, connection: socket.socket) -> None:
        connection.setblocking(False)  # noqa: FBT003 - socket's own
        self._connection, self._conversation = connection, Conversation(self._on_job)
        self._unsent.clear()
        asyncio.get_running_loop().add_reader(connection.fileno(), self._receive)

    def _drop(self, cause: str) -> None:
        """Close the connection; tell everybody who waits."""
        connection, self._connection = self._connection, None
        if connection is not None:
            loop = asyncio.get_running_loop()
            loop.remove_reader(connection.fileno())
            loop.remove_writer(connection.fileno())
            connection.close()
        self._conversation.lost(ConnectionLost(cause))

    def _lose(self, cause: str) -> None:
        """Unless the daemon ends, make it again at once: jobs are told on it."""
        self._drop(cause)
        if not self._closed:
            _log.info("connection to systemd lost", cause=cause)
            self._tasks.start(self._connect_again(), name="systemd")

    async def _connect_again(self) -> None:
        while not self._closed and self._connection is None:
            try:
                await self.connect()
            except ContainerdError as problem:
                if not self._closed:
                    _log.warning("cannot reach systemd", error=problem.message)
                    await asyncio.sleep(_AGAIN_S)

    # ── what goes over it ──

    async def _exchanged(self, wanted: Steps[Outcome], task: str, timeout_s: float) -> Outcome:
        ended = asyncio.Event()
        exchange = self._conversation.begin(wanted, ended.set)
        self._flush()
        try:
            async with asyncio.timeout(timeout_s):
                await ended.wait()
        except TimeoutError:
            exchange.abandon(late(task, timeout_s))
        except BaseException:
            exchange.abandon(ConnectionLost("nobody waits for it any more"))
            raise
        return exchange.result()

    def _receive(self) -> None:
        if self._connection is None:
            return
        try:
            data = self._connection.recv(_CHUNK_BYTES)
        except BlockingIOError:
            return
        except OSError as problem:
            self._lose(problem.strerror or str(problem))
            return
        if not data:
            self._lose("it closed the connection")
            return
        self._conversation.received(data)
        self._flush()

    def _flush(self) -> None:
        """Send what goes at once; the rest when there is room for it."""
        self._unsent.extend(self._conversation.outgoing())
        connection, loop = self._connection, asyncio.get_running_loop()
        while self._unsent and connection is not None:
            data, fds = self._unsent.popleft()
            try:
                sent = send_fds(connection, data, fds)
            except BlockingIOError:
                self._unsent.appendleft((data, fds))
                loop.add_writer(connection.fileno(), self._flush)
                return
            except OSError as problem:
                self._lose(problem.strerror or str(problem))
                return
            if sent < len(data):
                self._unsent.appendleft((data[sent:], ()))
        if connection is not None:
            loop.remove_writer(connection.fileno())
