"""The daemon's side of the spawner's protocol: typed messages over a non-blocking socket. It waits for nothing itself."""

from __future__ import annotations

import contextlib
import errno
import os
from collections import deque

from containerd_py.light import socket
from containerd_py.light.dataclasses import dataclass
from containerd_py.runtime.linux.fd import Fd
from containerd_py.runtime.linux.pidfd import WaitStatus
from containerd_py.runtime.spawner import protocol, seal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from containerd_py.runtime.spawner.protocol import Message
    from containerd_py.runtime.spawner.request import ForkRequest

SOCKET_NAME = "spawner.sock"


@dataclass(frozen=True)
class Hello:
    """plan: the format of plans that its workers read."""

    protocol: int
    version: str
    pid: int
    plan: int


@dataclass(frozen=True)
class Inherited:
    """A container that the spawner has already. exit: how it ended, None while it runs; the descriptors are ours."""

    id: str
    pid: int
    pidfd: Fd
    kept: dict[str, Fd]
    exit: WaitStatus | None


@dataclass(frozen=True)
class Ready:
    """The inventory is complete."""


@dataclass(frozen=True)
class Spawned:
    seq: int
    pid: int
    pidfd: Fd


@dataclass(frozen=True)
class Refused:
    """No worker was made. errno: None where no system call failed."""

    seq: int
    errno: int | None
    text: str


@dataclass(frozen=True)
class Exited:
    """A container ended. Neither code nor signal: the spawner could not learn how."""

    id: str
    status: WaitStatus


@dataclass(frozen=True)
class Pong:
    """The answer to a ping."""

    seq: int


@dataclass(frozen=True)
class Parting:
    """The connection ends: the spawner could not do what it was asked, or not read it."""

    text: str


Told = Hello | Inherited | Ready | Spawned | Refused | Exited | Pong | Parting


class SpawnerClient:
    """One connection to a spawner. `fileno` for polling: read when readable, `flush` when writable and `unsent`."""

    def __init__(self, connection: socket.socket) -> None:
        connection.settimeout(0)
        self._connection = connection
        self._unsent: deque[tuple[Message, list[Fd]]] = deque()
        self._seq = 0

    def fileno(self) -> int:
        return self._connection.fileno()

    @property
    def unsent(self) -> bool:
        return bool(self._unsent)

    def receive(self) -> Told | None:
        """Return the next message; None at the end of the connection. Raises BlockingIOError, ValueError."""
        message, numbers = protocol.receive(self._connection)
        if message is None:
            return None
        fds = [Fd(number) for number in numbers]
        try:
            return _typed(message, fds)
        except (KeyError, TypeError) as problem:
            _close(fds)
            raise ValueError(f"cannot read message of the spawner: {problem!r}") from problem
        except (OSError, ValueError):
            _close(fds)
            raise

    def spawn(self, container_id: str, worker: ForkRequest, keep: dict[str, int]) -> int:
        """Ask for a worker; return the number that its answer (Spawned or Refused) bears."""
        self._seq += 1
        message, fds = worker.message()
        message |= {"op": "spawn", "seq": self._seq, "id": container_id, "keep": list(keep)}
        self._send(message, [*fds, *keep.values()])
        return self._seq

    def keep(self, container_id: str, fds: dict[str, int]) -> None:
        self._send({"op": "keep", "id": container_id, "keep": list(fds)}, list(fds.values()))

    def drop(self, container_id: str, *names: str) -> None:
        self._send({"op": "drop", "id": container_id, "names": names}, [])

    def adopt(self, container_id: str, pid: int, pidfd: int, keep: dict[str, int]) -> None:
        message = {"op": "adopt", "id": container_id, "pid": pid, "keep": list(keep)}
        self._send(message, [pidfd, *keep.values()])

    def forget(self, container_id: str) -> None:
        self._send({"op": "forget", "id": container_id}, [])

    def ping(self) -> int:
        """Return the number that its answer bears."""
        self._seq += 1
        self._send({"op": "ping", "seq": self._seq}, [])
        return self._seq

    def quit(self) -> None:
        self._send({"op": "quit"}, [])

    def upgrade(self) -> None:
        """Have the spawner become this version of the program; the connection ends then."""
        self._send({"op": "upgrade", "arguments": seal.arguments("spawner")}, [seal.interpreter().fileno()])

    def flush(self) -> None:
        """Send what could not be sent yet, as far as there is room now. Raises OSError when the spawner is gone."""
        while self._unsent:
            message, fds = self._unsent[0]
            try:
                protocol.send(self._connection, message, [fd.fileno() for fd in fds])
            except BlockingIOError:
                return
            self._unsent.popleft()
            _close(fds)

    def close(self) -> None:
        self._connection.close()
        for _message, fds in self._unsent:
            _close(fds)
        self._unsent.clear()

    def _send(self, message: Message, fds: list[int]) -> None:
        """Send now, or queue with descriptors of our own: the caller may close its own at once."""
        if not self._unsent:
            try:
                protocol.send(self._connection, message, fds)
            except BlockingIOError:
                pass
            except OSError:
                return  # the spawner is gone: the end of the connection will tell, and the next one starts from our records
            else:
                return
        self._unsent.append((message, [Fd(os.dup(fd)) for fd in fds]))


def connect(directory: int) -> socket.socket | None:
    """Connect to the spawner that listens in the state directory; None where none does.

    Raises TimeoutError where its queue is full: it has not answered many others, and would be waited for (unix(7)).
    """
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    connection.settimeout(0)
    try:
        connection.connect(_address(directory))
    except (FileNotFoundError, ConnectionRefusedError):
        connection.close()
        return None
    except BlockingIOError as problem:
        connection.close()
        raise TimeoutError("it does not answer, and its queue is full") from problem
    except BaseException:
        connection.close()
        raise
    return connection


def start(directory: int) -> int:
    """Start a spawner that listens in the state directory; return its pid. Raises OSError, Unavailable."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(SOCKET_NAME, dir_fd=directory)
        os.fchmod(listener.fileno(), 0o600)  # of the socket, so that it is never bound with more
        listener.bind(_address(directory))
        listener.listen(8)
        seal.check_code()
        return seal.start_role("spawner", listener.fileno(), session=True)


def remove_socket(state_dir: str) -> None:
    with contextlib.suppress(FileNotFoundError):
        os.unlink(os.path.join(state_dir, SOCKET_NAME))


def _address(directory: int) -> str:
    """Through the directory's descriptor: sun_path holds 108 bytes only, whatever the directory's depth."""
    return f"/proc/self/fd/{directory}/{SOCKET_NAME}"


def _close(fds: list[Fd]) -> None:
    for fd in fds:
        fd.close()


def _typed(message: Message, fds: list[Fd]) -> Told:
    """Raises OSError, ValueError, KeyError and TypeError; then the descriptors are still the caller's."""
    lost = _lost_on_their_way(message, fds)
    if lost is not None:
        return lost
    match message["op"]:
        case "hello":
            return Hello(message["protocol"], message["version"], message["pid"], message.get("plan", 1))
        case "container":
            pidfd, *others = fds
            kept = dict(zip(message["keep"], others, strict=True))
            ended = message["exit"]
            status = None if ended is None else WaitStatus(ended["code"], ended["signal"])
            return Inherited(message["id"], message["pid"], pidfd, kept, status)
        case "ready":
            return Ready()
        case "spawned":
            return Spawned(message["seq"], message["pid"], fds[0])
        case "refused":
            return Refused(message["seq"], message["errno"], message["text"])
        case "pong":
            return Pong(message["seq"])
        case "exited":
            return Exited(message["id"], WaitStatus(message["code"], message["signal"]))
        case "parting":
            return Parting(str(message["text"]))
    raise ValueError(f"cannot read message of the spawner: unknown operation {message['op']!r}")


def _lost_on_their_way(message: Message, fds: list[Fd]) -> Refused | None:
    """Tell of descriptors that are missing: the kernel drops what there is no room for. What nobody awaits is closed."""
    wanted = {"spawned": 1, "container": 1 + len(message.get("keep", ()))}.get(message["op"], 0)
    _close(fds[wanted:])
    if len(fds) >= wanted:
        del fds[wanted:]
        return None
    _close(fds)
    if message["op"] == "spawned":
        return Refused(message["seq"], errno.EMFILE, "the pidfd was lost on its way: the daemon is at its limit")
    raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))
