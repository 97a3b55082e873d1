"""A container's standard streams on the daemon's side: output into the log, input from clients, the terminal's size.

The spawner keeps a duplicate of every descriptor here, by the same name (SECURITY R13).
"""

from __future__ import annotations

import asyncio
import errno
import fcntl
import os
import sys
import termios
from contextlib import suppress
from typing import TYPE_CHECKING

from containerd_py.engine.views import Stream
from containerd_py.errors import Conflict
from containerd_py.runtime import console
from containerd_py.runtime.linux.fd import Fd

if TYPE_CHECKING:
    from collections.abc import Callable

    from containerd_py.engine.output import OutputLog

STDIN, TERMINAL, RELAY_READ, RELAY_WRITE = "stdin", "terminal", "relay_read", "relay_write"
_PIPES = {"stdout": Stream.STDOUT, "stderr": Stream.STDERR}
_SPLICE_F_NONBLOCK = 2
_CHUNK = 65_536
_PIPE_BYTES = 65_536  # of a pipe that nobody has enlarged
_WIDE_BYTES = 262_144
_MOST_IN_TERMINAL = 1 << 20  # the kernel buffers 640 KiB for one (TTYB_DEFAULT_MEM_LIMIT), and some in its line discipline
_GONE = (errno.EPIPE, errno.EIO, errno.EBADF)


def open_pipes(*, stdin: bool) -> tuple[dict[str, Fd], dict[str, Fd]]:
    """Return (our ends, the payload's ends) of the pipes of a container without a terminal, by name."""
    ours: dict[str, Fd] = {}
    theirs: dict[str, Fd] = {}
    for name in (*_PIPES, *([STDIN] if stdin else [])):
        try:
            read, write = map(Fd, os.pipe2(os.O_CLOEXEC))
        except OSError:
            for fd in (*ours.values(), *theirs.values()):
                fd.close()
            raise
        ours[name], theirs[name] = (write, read) if name == STDIN else (read, write)
        os.set_blocking(ours[name].fileno(), False)
    return ours, theirs


def open_terminal(master: Fd) -> dict[str, Fd]:
    """Return our descriptors of a terminal: its master, and a pipe through which its output is spliced."""
    os.set_blocking(master.fileno(), False)
    read, write = map(Fd, os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK))
    return {TERMINAL: master, RELAY_READ: read, RELAY_WRITE: write}


class Stdio:
    """Owns `fds`. `start` moves output to the log whenever there is some; `on_end` is called once all of it has ended."""

    def __init__(self, log: OutputLog, fds: dict[str, Fd], *, on_end: Callable[[], None]) -> None:
        self.log = log
        self._fds = fds
        self._on_end = on_end
        self._sources = {name for name in fds if name in _PIPES or name == TERMINAL}
        self._narrow = self._sources & set(_PIPES)
        self._stdin_lock = asyncio.Lock()
        self._blocked: asyncio.Future[None] | None = None

    @property
    def ended(self) -> bool:
        """True once every stream of output is at its end and in the log."""
        return not self._sources

    @property
    def has_terminal(self) -> bool:
        return TERMINAL in self._fds

    def numbers(self) -> dict[str, int]:
        """Return the descriptors by name, for the spawner to keep."""
        return {name: fd.fileno() for name, fd in self._fds.items()}

    def start(self) -> None:
        loop = asyncio.get_running_loop()
        for name in self._sources:
            loop.add_reader(self._fds[name].fileno(), self._readable, name)

    def drain(self) -> None:
        """Move everything to the log that is there already: what the payload wrote before it ended.

        No more than that: what it has left behind may write on, and faster than it is read.
        """
        for name in tuple(self._sources):
            before, end = -1, self._moved() + self._waiting(name)
            while name in self._sources and before != self._moved() <= end:
                before = self._moved()
                self._readable(name)

    def _moved(self) -> int:
        return self.log.size + self.log.lost

    def _waiting(self, name: str) -> int:
        """Return how many bytes of output are there, at most."""
        if name == TERMINAL:
            return _MOST_IN_TERMINAL
        return int.from_bytes(fcntl.ioctl(self._fds[name].fileno(), termios.FIONREAD, bytes(4)), sys.byteorder)

    def _readable(self, name: str) -> None:
        before = self.log.size
        alive = self._take_terminal() if name == TERMINAL else self.log.take(self._fds[name].fileno(), _PIPES[name])
        if alive:
            if name in self._narrow and self.log.size - before >= _PIPE_BYTES:
                self._widen(name)
            return
        asyncio.get_running_loop().remove_reader(self._fds[name].fileno())
        self._sources.discard(name)
        if not self._sources:
            self._on_end()

    def _widen(self, name: str) -> None:
        """A pipe that was full is of a payload that writes much: with more room it and the daemon wait less for each other.

        Others keep the little one: what is in a pipe is charged to the payload's memory.
        """
        self._narrow.discard(name)
        pipe = self._fds[name].fileno()
        with suppress(OSError):  # there is a limit for a user's pipes (pipe(7)); it works as well without
            if fcntl.fcntl(pipe, fcntl.F_GETPIPE_SZ) < _WIDE_BYTES:  # the payload may have given it more
                fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, _WIDE_BYTES)

    def _take_terminal(self) -> bool:
        """Splice from the terminal to the relay to the log; False once no process has the terminal open (EIO)."""
        alive = True
        write = self._fds[RELAY_WRITE].fileno()
        try:
            alive = os.splice(self._fds[TERMINAL].fileno(), write, _CHUNK, flags=_SPLICE_F_NONBLOCK) > 0
        except BlockingIOError:
            pass
        except OSError as problem:
            if problem.errno != errno.EIO:
                raise
            alive = False
        self.log.take(self._fds[RELAY_READ].fileno(), Stream.STDOUT)
        return alive

    # ── input ──

    async def write_stdin(self, data: bytes) -> None:
        """Write to the payload's input, as slowly as it reads. Raises Conflict where there is none, or not any more."""
        async with self._stdin_lock:
            rest = memoryview(data)
            while rest:
                number = self._input()
                try:
                    rest = rest[os.write(number, rest) :]
                except BlockingIOError:
                    await self._writable(number)
                except OSError as problem:
                    if problem.errno not in _GONE:
                        raise
                    raise _input_closed() from None

    async def close_stdin(self) -> bool:
        """End the payload's input, after what is being written; return whether the spawner must drop its duplicate too.

        On a terminal the end is typed (Ctrl-D), as a person would.
        """
        if self.has_terminal:
            await self.write_stdin(b"\x04")
            return False
        async with self._stdin_lock:
            fd = self._fds.pop(STDIN, None)
            if fd is None:
                return False
            fd.close()
            return True

    def _input(self) -> int:
        fd = self._fds.get(TERMINAL) or self._fds.get(STDIN)
        if fd is None:
            raise _input_closed()
        return fd.fileno()

    async def _writable(self, number: int) -> None:
        loop = asyncio.get_running_loop()
        self._blocked = future = loop.create_future()
        loop.add_writer(number, _done, future)
        try:
            await future
        finally:
            if self._blocked is future:  # else it was closed meanwhile, and the number may be another's by now
                loop.remove_writer(number)
                self._blocked = None

    def resize(self, rows: int, columns: int) -> None:
        """Raises Conflict without a terminal."""
        fd = self._fds.get(TERMINAL)
        if fd is None:
            raise Conflict("cannot resize terminal: the container has none, or it has ended", step="resize")
        console.resize(fd.fileno(), rows=rows, columns=columns)

    def close(self) -> None:
        """Close everything; a client that waits to write is told that the input is closed."""
        loop = asyncio.get_running_loop()
        for name in self._sources:
            loop.remove_reader(self._fds[name].fileno())
        self._sources.clear()
        if self._blocked is not None:
            loop.remove_writer(self._input())
            if not self._blocked.done():
                self._blocked.set_exception(_input_closed())
            self._blocked = None
        for fd in self._fds.values():
            fd.close()
        self._fds.clear()


def _done(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


def _input_closed() -> Conflict:
    return Conflict(
        "cannot write standard input: it is closed", step="stdin", hint="create the container with stdin, or a terminal"
    )
