"""What the service manager (systemd) and the daemon say to each other: sd_notify(3), sd_listen_fds(3).

Written out here: libsystemd's calls wait for the manager, and give a descriptor without a name or a name for all of them.
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections import deque
from typing import TYPE_CHECKING

import structlog

from containerd_py.runtime.linux.fd import Fd
from containerd_py.runtime.linux.passing import send_fds

if TYPE_CHECKING:
    from collections.abc import MutableMapping

_log = structlog.get_logger()

_FIRST = 3  # SD_LISTEN_FDS_START
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


def take_passed(environment: MutableMapping[str, str]) -> list[tuple[str, Fd]]:
    """Return the descriptors that the manager has passed to this process, by name, and forget the variables.

    Nothing where they are meant for another process. To be called before anything else is opened.
    """
    count, names, pid = (environment.pop(f"LISTEN_{name}", "") for name in ("FDS", "FDNAMES", "PID"))
    if pid != str(os.getpid()) or not count.isdecimal():
        return []
    named = names.split(":") if names else []
    passed = []
    for index in range(int(count)):
        os.set_inheritable(_FIRST + index, False)  # noqa: FBT003 - os's own signature
        passed.append((named[index] if index < len(named) else "unknown", Fd(_FIRST + index)))
    return passed
