"""What the service manager (systemd) and the daemon say to each other: sd_notify(3), sd_listen_fds(3).

What is passed comes by libsystemd; what is told is written out here: its calls wait for the manager, and the loop must not.
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections import deque

import structlog

from containerd_py.errors import InvalidArgument
from containerd_py.runtime.linux.fd import Fd
from containerd_py.runtime.linux.passing import send_fds

_log = structlog.get_logger()

_VARIABLES = ("LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES")
_MOST_WAITING = 8192


class ServiceManager:
    """Tells the manager what it should know, in order, and never waits for it. Without an address nothing is told."""

    def __init__(self, address: str | None = None) -> None:
        """address: of $NOTIFY_SOCKET, a path or "@" and an abstract name."""
        self._address = None if address is None else address.replace("@", "\0", 1) if address[:1] == "@" else address
        self._socket: socket.socket | None = None
        self._unsent: deque[tuple[bytes, Fd | None]] = deque()
        self._broken = False

    @property
    def there(self) -> bool:
        return self._address is not None

    def tell(self, *lines: str, fd: int | None = None) -> None:
        """fd: goes with it; it stays the caller's, who may close it at once."""
        if self._address is None:
            return
        data = "\n".join(lines).encode()
        if self._unsent:
            self._queue(data, fd)
            return
        try:
            self._send(data, fd)
        except BlockingIOError:
            self._queue(data, fd)
            self._wait()
        except OSError as problem:
            self._tell_problem(problem)

    def _send(self, data: bytes, fd: int | None) -> None:
        try:
            send_fds(self._connected(), data, [] if fd is None else [fd])
        except BlockingIOError:
            raise
        except OSError:
            self._hang_up()  # it may listen at another socket by the next time
            raise
        self._broken = False

    def _connected(self) -> socket.socket:
        """Connected, since a socket is always writable else, however full the manager's queue is (unix(7))."""
        if self._socket is None:
            self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            self._socket.setblocking(False)  # noqa: FBT003 - the socket's own signature
            self._socket.connect(self._address or "")
        return self._socket

    def _queue(self, data: bytes, fd: int | None) -> None:
        if len(self._unsent) < _MOST_WAITING:
            self._unsent.append((data, None if fd is None else Fd(os.dup(fd))))

    def _wait(self) -> None:
        if self._socket is not None:
            asyncio.get_running_loop().add_writer(self._socket.fileno(), self._writable)

    def _writable(self) -> None:
        while self._unsent:
            data, fd = self._unsent[0]
            try:
                self._send(data, None if fd is None else fd.fileno())
            except BlockingIOError:
                self._wait()
                return
            except OSError as problem:
                self._tell_problem(problem)
            self._unsent.popleft()
            if fd is not None:
                fd.close()
        if self._socket is not None:
            asyncio.get_running_loop().remove_writer(self._socket.fileno())

    def _tell_problem(self, problem: OSError) -> None:
        if not self._broken:
            _log.warning("cannot tell the service manager", address=self._address, error=str(problem))
        self._broken = True

    def close(self) -> None:
        """What could not be sent is dropped."""
        for _data, fd in self._unsent:
            if fd is not None:
                fd.close()
        self._unsent.clear()
        self._hang_up()

    def _hang_up(self) -> None:
        if self._socket is not None:
            asyncio.get_running_loop().remove_writer(self._socket.fileno())
            self._socket.close()
            self._socket = None


def take_passed() -> list[tuple[str, Fd]]:
    """Return the descriptors that the manager has passed to this process, by name, and forget the variables.

    Nothing where they are meant for another process. To be called before anything else is opened. Raises InvalidArgument
    for variables that are none of sd_listen_fds_with_names(3).
    """
    if "LISTEN_FDS" not in os.environ:
        return []
    import systemd.daemon  # by who was passed something only

    try:
        found = systemd.daemon.listen_fds_with_names()
    except OSError as problem:
        told = ", ".join(f"{name}={os.environ.get(name)!r}" for name in _VARIABLES)
        raise InvalidArgument(f"cannot take what the service manager passes: {told}", step="listen") from problem
    for name in _VARIABLES:  # libsystemd takes them out of the process's environment, not out of Python's copy
        os.environ.pop(name, None)
    return [(name, Fd(number)) for number, name in sorted(found.items())]
