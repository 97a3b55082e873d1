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

from containerd_py.runtime.linux.fd import Fd

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Self

_CHUNK = 65_536
_REPEAT_MS = 1_000
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
    """Hand every key through, what was typed before included; the settings come back whatever happens."""
    before = termios.tcgetattr(fd)
    try:
        tty.setraw(fd, termios.TCSADRAIN)
        yield
    finally:
        with contextlib.suppress(termios.error):  # it may have hung up
            termios.tcsetattr(fd, termios.TCSADRAIN, before)


def proxy(master: int, *, stdin: int, stdout: int, until: int) -> bool:
    """Join a container's terminal with the caller's until the container's side is closed.

    Return False when it was the caller's terminal that hung up: the container's should hang up then, by closing `master`.
    A file or pipe as `stdin` may end: the payload is told so as a person would, every second, since that reaches one
    reader only. until: the payload's pidfd; once it has ended, what it wrote is passed on and nobody else is waited for.
    Must run in the main thread where `stdin` is a terminal: SIGWINCH is handled meanwhile, and SIGHUP unless the caller
    does so.
    """
    with contextlib.ExitStack() as stack:
        signals = None
        if os.isatty(stdin):
            stack.enter_context(raw_mode(stdin))
            signals = stack.enter_context(_Signals(stdin, master))
        os.set_blocking(master, False)
        return _Pump(master, stdin, stdout, until, signals).run()


class _Signals:
    """Signals about the caller's terminal, while it is entered.

    Each wakes `poll` by a byte in a pipe (`signal.set_wakeup_fd`): one that comes between the interpreter's last look and
    that call would else be noticed only once something else happens. What was woken so before is passed on to.
    """

    def __init__(self, terminal: int, master: int) -> None:
        self._terminal = terminal
        self._master = master
        self._hung_up = False

    def __enter__(self) -> Self:
        self._woken, self._write = map(Fd, os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK))
        self._passed_on_to = signal.set_wakeup_fd(self._write.fileno(), warn_on_full_buffer=False)
        self._before = {number: signal.getsignal(number) for number in (signal.SIGWINCH, signal.SIGHUP)}
        signal.signal(signal.SIGWINCH, self._follow_size)
        if self._before[signal.SIGHUP] is signal.SIG_DFL:  # to die of it would leave the container behind
            signal.signal(signal.SIGHUP, self._note_hangup)
        self._follow_size()
        return self

    def __exit__(self, *exc: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(self._passed_on_to)
        self.hung_up()
        self._woken.close()
        self._write.close()

    def fileno(self) -> int:
        return self._woken.fileno()

    def hung_up(self) -> bool:
        """Take note of what has woken us; tell whether the terminal has hung up."""
        with contextlib.suppress(OSError):  # nothing has; or who is passed on to takes nothing
            numbers = os.read(self.fileno(), _CHUNK)
            if self._passed_on_to != -1:
                os.write(self._passed_on_to, numbers)
        return self._hung_up

    def _follow_size(self, *_signal: object) -> None:
        rows, columns = window_size(self._terminal)
        resize(self._master, rows=rows, columns=columns)

    def _note_hangup(self, *_signal: object) -> None:
        self._hung_up = True


class _Pump:
    """Bytes both ways. Input waits here for room in the terminal: a payload that reads nothing can still write."""

    def __init__(self, master: int, stdin: int, stdout: int, until: int, signals: _Signals | None) -> None:
        self._master = master
        self._stdin = stdin
        self._stdout = stdout
        self._until = until
        self._signals = signals
        self._input = b""
        self._input_ended = False

    def run(self) -> bool:
        """Return False when the caller's terminal hung up, True when the container's side is closed."""
        while True:
            ready = self._wait()
            if not ready and not self._input:
                self._input = _end_of_file(self._master)
            hung_up = self._signals is not None and self._signals.hung_up()
            if hung_up or (self._stdin in ready and not self._take_input()):
                return False  # seen before any output is written to a terminal that has hung up
            if self._until in ready:
                return self._pass_rest_on()
            if self._master in ready and not self._pass_output_on():
                return True
            self._pass_input_on()

    def _wait(self) -> set[int]:
        """Wait for anything to do; the empty set where it is time to tell the end of the input once more."""
        poll = select.poll()  # select(2) takes no descriptor above 1023
        poll.register(self._until, select.POLLIN)
        if self._signals is not None:
            poll.register(self._signals, select.POLLIN)
        poll.register(self._master, select.POLLIN | (select.POLLOUT if self._input else 0))
        if not self._input and not self._input_ended:
            poll.register(self._stdin, select.POLLIN)
        return {fd for fd, _events in poll.poll(_REPEAT_MS if self._input_ended else None)}

    def _pass_output_on(self) -> bool:
        """Return False once no process has the terminal open any more."""
        try:
            data = read_terminal(self._master)
        except BlockingIOError:
            return True
        write_all(self._stdout, data)
        return bool(data)

    def _pass_rest_on(self) -> bool:
        """What is there already: without a pid namespace, others may have the terminal open for ever."""
        with contextlib.suppress(BlockingIOError):
            while data := read_terminal(self._master):
                write_all(self._stdout, data)
        return True

    def _take_input(self) -> bool:
        """Return False when the caller's terminal hung up."""
        try:
            self._input = read_terminal(self._stdin)
        except BlockingIOError:  # another process has made it non-blocking, and was faster
            return True
        if not self._input:
            self._input_ended = True
            self._input = _end_of_file(self._master) * 2  # the first one ends the line that was begun, if one was
            return self._signals is None
        return True

    def _pass_input_on(self) -> None:
        try:
            self._input = self._input[os.write(self._master, self._input) :] if self._input else b""
        except BlockingIOError:
            return  # no room: the terminal will say when there is some
        except OSError as problem:
            if problem.errno != errno.EIO:
                raise
            self._input = b""  # nobody has the terminal open


def read_terminal(fd: int) -> bytes:
    """Read; nothing once the other side of the terminal is closed (the kernel says EIO)."""
    try:
        return os.read(fd, _CHUNK)
    except OSError as problem:
        if problem.errno == errno.EIO:
            return b""
        raise


def _end_of_file(master: int) -> bytes:
    """Return what a person would type to end the input (VEOF of the terminal's settings)."""
    characters = termios.tcgetattr(master)[6]
    typed = characters[termios.VEOF]
    return typed if isinstance(typed, bytes) and typed != b"\0" else b"\x04"


def write_all(fd: int, data: bytes) -> None:
    """Another process that has the same open file may have made it non-blocking (fcntl(2), F_SETFL)."""
    rest = memoryview(data)
    while rest:
        try:
            rest = rest[os.write(fd, rest) :]
        except BlockingIOError:
            _wait_for(fd, select.POLLOUT)


def read_some(fd: int) -> bytes:
    """Read, with patience as `write_all`."""
    while True:
        try:
            return os.read(fd, _CHUNK)
        except BlockingIOError:
            _wait_for(fd, select.POLLIN)


def _wait_for(fd: int, event: int) -> None:
    poll = select.poll()
    poll.register(fd, event)
    poll.poll()
