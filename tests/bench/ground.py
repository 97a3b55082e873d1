"""What sections stand on: a folder, a root file system, a daemon of ours, and the peers that can run here."""

import dataclasses
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from tests.bench.connection import Connection
from tests.bench.daemon import Daemon, body
from tests.bench.peers import containerd, docker, podman
from tests.bench.peers.debian import Absent
from tests.bench.runtimes import document

Peer = TypeVar("Peer")


@dataclass(frozen=True)
class Size:
    """rounds: turns of each contestant; containers: how many run at once, at most; peers: the same of the slower ones;
    mebibytes: what a payload writes.
    """

    rounds: int
    containers: int
    peers: int
    mebibytes: int

    def __str__(self) -> str:
        return ", ".join(f"{name} {value}" for name, value in dataclasses.asdict(self).items())


class Ground:
    """absent: peers that cannot run here, and why. What is opened is closed in the end, the last first."""

    def __init__(self, folder: Path, rootfs: Path, size: Size, stack: ExitStack) -> None:
        self.folder = folder
        self.rootfs = rootfs
        self.size = size
        self.absent: dict[str, str] = {}
        self._stack = stack

    def daemon(self, *options: str) -> Daemon:
        place = self.folder / "daemon"
        place.mkdir()
        daemon = Daemon(place, *options)
        self._stack.callback(daemon.stop)
        daemon.start()
        return daemon

    def connect(self, daemon: Daemon) -> Connection:
        return self._stack.enter_context(Connection(daemon.socket))

    def body(self, *args: str) -> bytes:
        return body(self.rootfs, *args)

    def docker(self) -> docker.Docker | None:
        return self._peer("docker", lambda: docker.running(self.folder / "docker", self.rootfs))

    def containerd(self, connection: Connection) -> containerd.Containerd | None:
        """connection: to our daemon, whose document of a container containerd is given."""
        told = document(connection, self.body("/bin/true"))
        return self._peer("containerd", lambda: containerd.running(self.folder / "containerd", told))

    def podman(self) -> podman.Podman | None:
        return self._peer("podman", lambda: podman.installed(self.folder / "podman", self.rootfs))

    def _peer(self, name: str, opened: Callable[[], AbstractContextManager[Peer]]) -> Peer | None:
        try:
            return self._stack.enter_context(opened())
        except Absent as reason:
            self.absent[name] = str(reason)
            return None


@contextmanager
def prepared(folder: Path, rootfs: Path, size: Size) -> Iterator[Ground]:
    with ExitStack() as stack:
        yield Ground(folder, rootfs, size, stack)
