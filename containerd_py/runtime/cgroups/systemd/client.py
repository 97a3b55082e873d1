"""A connection to a service manager for a program that blocks: pyrunc, and whoever uses the library."""

from __future__ import annotations

import os
import select
import time
from typing import TypeVar

from containerd_py.errors import NotSupported
from containerd_py.runtime.cgroups.systemd import steps
from containerd_py.runtime.cgroups.systemd.bus import connect, system_addresses, user_addresses
from containerd_py.runtime.cgroups.systemd.conversation import ConnectionLost, Conversation, Greeted, greeting
from containerd_py.runtime.cgroups.systemd.refusal import gone, late
from containerd_py.runtime.linux.passing import send_fds

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Self

    from containerd_py.light import socket
    from containerd_py.runtime.cgroups.systemd.bus import Address
    from containerd_py.runtime.cgroups.systemd.conversation import Exchange, Steps
    from containerd_py.runtime.cgroups.systemd.property import Property

Outcome = TypeVar("Outcome")

OLDEST = 252
TIMEOUT_S = 5.0
_CHUNK_BYTES = 65536
_PAUSE_S = 0.02


def addresses(*, user: bool) -> tuple[Address, ...]:
    return user_addresses(os.environ) if user else system_addresses(os.environ)


def check_version(version: int) -> None:
    """Raises NotSupported for a systemd that does not know all properties."""
    if version < OLDEST:
        raise NotSupported(
            f"cannot use the systemd cgroup driver: systemd {version} is older than {OLDEST}",
            step="systemd",
            hint="have cgroups made without systemd",
        )


class Client:
    """A context manager. It is connected when it is first needed, and again where the connection is lost."""

    def __init__(self, where: tuple[Address, ...], *, timeout_s: float = TIMEOUT_S) -> None:
        self._addresses = where
        self._timeout_s = timeout_s
        self._conversation = Conversation()
        self._connection: socket.socket | None = None
        self._greeted = Greeted(0, "")

    @property
    def manager(self) -> Greeted:
        """Whom it is connected to. Raises Unavailable, NotSupported where systemd is too old."""
        self._connected(time.monotonic() + self._timeout_s)
        return self._greeted

    def start(self, name: str, properties: Sequence[Property], pid: int, pidfd: int) -> StartOfScope:
        """Ask for a scope, and return at once. Raises Unavailable, NotSupported."""
        return StartOfScope(self, name, properties, pid, pidfd, self._timeout_s)

    def change(self, name: str, properties: Sequence[Property]) -> None:
        self.perform(steps.change(name, properties), f"change scope {name!r}")

    def perform(self, wanted: Steps[Outcome], task: str) -> Outcome:
        """Do it to its end. Raises what the steps raise, Unavailable, DeadlineExceeded."""
        deadline = time.monotonic() + self._timeout_s
        return self.finish(self.begin(wanted, deadline), task, deadline)

    def begin(self, wanted: Steps[Outcome], deadline: float) -> Exchange[Outcome]:
        self._connected(deadline)
        exchange = self._conversation.begin(wanted)
        self._flush(deadline)
        return exchange

    def finish(self, exchange: Exchange[Outcome], task: str, deadline: float) -> Outcome:
        while not exchange.ended:
            if not self._exchanged(deadline):
                exchange.abandon(late(task, self._timeout_s))
        return exchange.result()

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_problem: object) -> None:
        self.close()

    def _connected(self, deadline: float) -> None:
        """Where systemd goes meanwhile, as when it is executed anew, it is tried again."""
        while self._connection is None:
            self._connection, address = connect(self._addresses, deadline)
            self._conversation = Conversation()
            try:
                greeted = self._conversation.begin(greeting(bus=address.bus))
                self._flush(deadline)
                self._greeted = self.finish(greeted, "reach systemd", deadline)
                check_version(self._greeted.version)
            except ConnectionLost as problem:
                self.lost(problem, "reach systemd", deadline)
            except BaseException:
                self.close()
                raise

    def lost(self, problem: ConnectionLost, task: str, deadline: float) -> None:
        """Have a new connection made next time, in a moment. Raises Unavailable where there is no time left for it."""
        self.close()
        if time.monotonic() + _PAUSE_S >= deadline:
            raise gone(task, str(problem)) from problem
        time.sleep(_PAUSE_S)

    def _exchanged(self, deadline: float) -> bool:
        """Receive once; return False where nothing comes in time."""
        connection = self._connection
        if connection is None:
            self._conversation.lost(ConnectionLost("the connection is closed"))
            return True
        poll = select.poll()
        poll.register(connection, select.POLLIN)
        if not poll.poll(max(deadline - time.monotonic(), 0) * 1000):
            return False
        try:
            data = connection.recv(_CHUNK_BYTES)
        except OSError as problem:
            self._lose(problem.strerror or str(problem))
            return True
        if data:
            self._conversation.received(data)
            self._flush(deadline)
        else:
            self._lose("it closed the connection")
        return True

    def _flush(self, deadline: float) -> None:
        connection = self._connection
        for data, fds in self._conversation.outgoing():
            rest, passed = data, fds
            while rest and connection is not None:
                connection.settimeout(max(deadline - time.monotonic(), 0.001))
                try:
                    rest, passed = rest[send_fds(connection, rest, passed) :], ()
                except OSError as problem:
                    self._lose(problem.strerror or str(problem))
                    return

    def _lose(self, cause: str) -> None:
        self.close()
        self._conversation.lost(ConnectionLost(cause))


class StartOfScope:
    """A scope that is being started. Where the connection is lost meanwhile, it is looked for on a new one."""

    def __init__(
        self, client: Client, name: str, properties: Sequence[Property], pid: int, pidfd: int, timeout_s: float
    ) -> None:
        self._client = client
        self._name = name
        self._wanted = tuple(properties), pid, pidfd, client.manager.version
        self._task = f"start scope {name!r}"
        self._deadline = time.monotonic() + timeout_s
        self._exchange = self._asked()

    def _asked(self) -> Exchange[None]:
        return self._client.begin(steps.start(self._name, *self._wanted), self._deadline)

    def wait(self) -> None:
        """Return when the process is in the scope. Unavailable and DeadlineExceeded may be retried."""
        while True:
            try:
                self._client.finish(self._exchange, self._task, self._deadline)
            except ConnectionLost as problem:
                self._client.lost(problem, self._task, self._deadline)
                if self._found():
                    return
                self._exchange = self._asked()
            else:
                return

    def _found(self) -> bool:
        while True:
            try:
                looking = self._client.begin(steps.look_after(self._name, self._wanted[1]), self._deadline)
                return self._client.finish(looking, self._task, self._deadline)
            except ConnectionLost as problem:
                self._client.lost(problem, self._task, self._deadline)
