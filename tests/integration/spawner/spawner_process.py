"""A real spawner and the daemon's end of its connection, for tests that read as a dialogue."""

import contextlib
import os
import select
import signal
import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from containerd_py.runtime import process
from containerd_py.runtime.init import dialogue
from containerd_py.runtime.launcher import open_dialogue
from containerd_py.runtime.linux.fd import Fd
from containerd_py.runtime.plan.plan import Plan
from containerd_py.runtime.spawner import client
from containerd_py.runtime.spawner.client import Hello, Inherited, Ready, Refused, Spawned, SpawnerClient, Told
from containerd_py.runtime.spawner.request import ForkRequest

Kind = TypeVar("Kind", bound=Told)
LONG_S = 30


@dataclass
class Container:
    """A worker that was spawned, and our end of the dialogue with it."""

    id: str
    pid: int
    pidfd: Fd
    control: socket.socket

    def ready(self) -> None:
        message, fds = dialogue.receive(self.control)
        assert isinstance(message, dialogue.Ready), message
        assert not fds

    def start(self) -> None:
        dialogue.send_start(self.control)
        while dialogue.receive(self.control)[0] is not None:
            continue

    def kill(self) -> None:
        signal.pidfd_send_signal(self.pidfd.fileno(), signal.SIGKILL)

    def close(self) -> None:
        self.control.close()
        self.pidfd.close()


class Spawner:
    """One spawner process that listens in `folder`; `link` is the connection of the daemon that the test plays."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._directory = Fd(os.open(folder, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC))
        self.pid = client.start(self._directory.fileno())
        self.ended: int | None = None
        self._link: SpawnerClient | None = None
        self._containers: list[Container] = []

    @property
    def link(self) -> SpawnerClient:
        assert self._link is not None
        return self._link

    def connect(self) -> SpawnerClient:
        """Return a connection that is not yet greeted."""
        connection = client.connect(self._directory.fileno())
        assert connection is not None
        return SpawnerClient(connection)

    def meet(self) -> tuple[Hello, list[Inherited]]:
        """Connect as the daemon; return the greeting and the inventory."""
        self._link = self.connect()
        hello = self.hear(Hello)
        found: list[Inherited] = []
        while isinstance(told := self.hear(Inherited, Ready), Inherited):
            found.append(told)
        return hello, found

    def hear(self, *kinds: type[Kind]) -> Kind:
        """Return the next message, which must be of one of `kinds`."""
        told = receive(self.link)
        assert isinstance(told, kinds), told
        return told

    def hang_up(self) -> None:
        self.link.close()
        self._link = None

    def ask(self, container_id: str, plan: Plan, keep: dict[str, int] | None = None, **handles: int) -> socket.socket:
        """Ask for a worker; return our end of its control socket."""
        ours, theirs = open_dialogue()
        process.send_plan(ours, plan, handles)
        with theirs:
            self.link.spawn(container_id, ForkRequest(theirs.fileno(), plan.clone_flags()), keep or {})
        ours.settimeout(LONG_S)
        return ours

    def spawn(self, container_id: str, plan: Plan, keep: dict[str, int] | None = None, **handles: int) -> Container:
        control = self.ask(container_id, plan, keep, **handles)
        told = self.hear(Spawned, Refused)
        assert isinstance(told, Spawned), told
        container = Container(container_id, told.pid, told.pidfd, control)
        self._containers.append(container)
        return container

    def run(self, container_id: str, plan: Plan, keep: dict[str, int] | None = None, **handles: int) -> Container:
        container = self.spawn(container_id, plan, keep, **handles)
        container.ready()
        container.start()
        return container

    def descriptors(self) -> list[str]:
        found = []
        for number in os.listdir(f"/proc/{self.pid}/fd"):
            with contextlib.suppress(FileNotFoundError):
                found.append(os.readlink(f"/proc/{self.pid}/fd/{number}"))
        return found

    def idle(self) -> None:
        """Return once it has dealt with everything that was sent: it then sleeps in epoll_wait."""
        until(lambda: not self.link.unsent)
        until(lambda: "poll" in Path(f"/proc/{self.pid}/wchan").read_text())

    def wait(self) -> int:
        """Return its exit code once it has ended."""
        if self.ended is None:
            until(lambda: os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None)
            self.ended = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        return self.ended

    def close(self) -> None:
        """End everything at once, whatever state it is in."""
        for container in self._containers:
            with contextlib.suppress(ProcessLookupError, ValueError):
                container.kill()
                select.select([container.pidfd], [], [], LONG_S)
            container.close()
        if self.ended is None:
            until(lambda: not any(os.path.exists(f"/proc/{container.pid}") for container in self._containers))  # reaped
            os.kill(self.pid, signal.SIGKILL)
            self.wait()
        if self._link is not None:
            self._link.close()
        self._directory.close()


def receive(link: SpawnerClient) -> Told | None:
    assert select.select([link], [], [], LONG_S)[0], "the spawner says nothing"
    return link.receive()


def silent(link: SpawnerClient, *, for_s: float = 0.1) -> bool:
    return not select.select([link], [], [], for_s)[0]


def until(true: Callable[[], object]) -> None:
    deadline = time.monotonic() + LONG_S
    while not true():
        assert time.monotonic() < deadline, "it does not come true"
        time.sleep(0.002)


@contextlib.contextmanager
def pipe() -> Iterator[tuple[Fd, Fd]]:
    read, write = os.pipe2(os.O_CLOEXEC)
    with Fd(read) as read_fd, Fd(write) as write_fd:
        yield read_fd, write_fd


def close(entry: Inherited) -> None:
    for fd in (entry.pidfd, *entry.kept.values()):
        fd.close()
