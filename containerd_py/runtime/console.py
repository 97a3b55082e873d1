"""A container's terminal on the caller's own: raw mode, window size, bytes both ways."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import select
import signal
import struct
import termios
import tty
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

_CHUNK = 65_536
_WINSIZE = struct.Struct("HHHH")


def window_size(fd: int) -> tuple[int, int]:
    """Return (rows, columns) of a terminal; (0, 0) for anything else."""
    try:
        rows, columns, _x, _y = _WINSIZE.unpack(fcntl.ioctl(fd, termios.TIOCGWINSZ, bytes(_WINSIZE.size)))
    except OSError:
        return 0, 0
    return rows, columns


def resize(master: int, *, rows: int, columns: int) -> None:
    """Set the window size; the payload's foreground processes get SIGWINCH."""
    fcntl.ioctl(master, termios.TIOCSWINSZ, _WINSIZE.pack(rows, columns, 0, 0))


@contextlib.contextmanager
def raw_mode(fd: int) -> Iterator[None]:
    """Hand every key through; the terminal's settings come back whatever happens."""
    before = termios.tcgetattr(fd)
    try:
        tty.setraw(fd)
        yield
    finally:
        termios.tcsetattr(fd, termios.TCSADRAIN, before)


def proxy(master: int, *, stdin: int, stdout: int) -> None:
    """Join a container's terminal with the caller's until the container's side is closed.

    Must run in the main thread where `stdin` is a terminal: SIGWINCH is handled meanwhile.
    """
    with contextlib.ExitStack() as stack:
        if os.isatty(stdin):
            stack.enter_context(raw_mode(stdin))
            stack.enter_context(_following_size(stdin, master))
        _pump(master, stdin, stdout)


@contextlib.contextmanager
def _following_size(terminal: int, master: int) -> Iterator[None]:
    def follow(*_signal: Any) -> None:
        rows, columns = window_size(terminal)
        resize(master, rows=rows, columns=columns)

    before = signal.signal(signal.SIGWINCH, follow)
    try:
        follow()
        yield
    finally:
        signal.signal(signal.SIGWINCH, before)


def _pump(master: int, stdin: int, stdout: int) -> None:
    sources = [master, stdin]
    while True:
        readable, _, _ = select.select(sources, [], [])
        if master in readable:
            data = read_terminal(master)
            if not data:
                return
            _write_all(stdout, data)
        if stdin in readable:
            data = os.read(stdin, _CHUNK)
            if data:
                _write_all(master, data)
            else:
                _write_all(master, b"\x04")  # end of file, as a person would type it
                sources.remove(stdin)


def read_terminal(master: int) -> bytes:
    """Read output; nothing once no process has the terminal open any more (the kernel says EIO)."""
    try:
        return os.read(master, _CHUNK)
    except OSError as problem:
        if problem.errno == errno.EIO:
            return b""
        raise


def _write_all(fd: int, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(fd, rest) :]
