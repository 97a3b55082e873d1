"""Terminals: the socket that a runtime sends a terminal's master to, and a terminal to start a runtime on."""

import array
import fcntl
import os
import pty
import select
import socket
import struct
import termios
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_DEADLINE_S = 25.0


class Terminal:
    """The master of a terminal."""

    def __init__(self, fd: int) -> None:
        self.fd = fd
        self.seen = ""

    def write(self, text: str) -> None:
        os.write(self.fd, text.encode())

    def await_text(self, text: str) -> str:
        """Read until `text` comes; return all that came so far."""
        deadline = time.monotonic() + _DEADLINE_S
        while text not in self.seen:
            assert select.select([self.fd], [], [], max(0, deadline - time.monotonic()))[0], f"in vain: {self.seen!r}"
            try:
                self.seen += os.read(self.fd, 65_536).decode(errors="replace")
            except OSError:
                assert text in self.seen, f"hung up: {self.seen!r}"
        return self.seen

    def resize(self, rows: int, columns: int) -> None:
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))


class ConsoleSocket:
    """Receives the master of a terminal, as an engine does."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(path))
        self._listener.listen()
        self._listener.settimeout(_DEADLINE_S)

    @contextmanager
    def terminal(self) -> Iterator[Terminal]:
        connection, _address = self._listener.accept()
        with connection:
            fds = array.array("i")
            room = socket.CMSG_LEN(fds.itemsize)
            _name, messages, _flags, _address = connection.recvmsg(4096, room, socket.MSG_CMSG_CLOEXEC)
        fds.frombytes(messages[0][2])
        try:
            yield Terminal(fds[0])
        finally:
            os.close(fds[0])

    def close(self) -> None:
        self._listener.close()


@contextmanager
def caller_terminal() -> Iterator[tuple[Terminal, int]]:
    """A terminal to start a command on: what a person would see of it, and the command's end."""
    master, slave = pty.openpty()
    try:
        yield Terminal(master), slave
    finally:
        os.close(slave)
        os.close(master)
