"""Two terminals joined: bytes both ways, and what happens when either side ends."""

import fcntl
import os
import select
import signal
import socket
import termios
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

import pytest

from containerd_py.runtime import console
from containerd_py.runtime.linux.fd import Fd


@dataclass
class Pair:
    """The two ends of a terminal or of a pipe."""

    first: Fd
    second: Fd

    @classmethod
    def terminal(cls) -> "Pair":
        return cls(*map(Fd, os.openpty()))

    @classmethod
    def pipe(cls) -> "Pair":
        return cls(*map(Fd, os.pipe()))

    def close(self) -> None:
        self.first.close()
        self.second.close()


@dataclass
class Desk:
    """A container's terminal, the caller's streams, and a thread that plays the payload.

    container: master and the payload's side; caller: what the proxy reads; output: what it wrote; end: the pidfd's part.
    """

    container: Pair = field(default_factory=Pair.terminal)
    caller: Pair = field(default_factory=Pair.pipe)
    output: Pair = field(default_factory=Pair.pipe)
    end: Pair = field(default_factory=Pair.pipe)
    told: bytes = b""

    def payload(self) -> int:
        return self.container.second.fileno()

    def type(self, data: bytes) -> None:
        os.write(self.caller.second.fileno(), data)

    def exit(self) -> None:
        """Do what the payload's end does: its pidfd becomes readable, its side of the terminal is closed."""
        self.end.second.close()
        self.container.second.close()

    def join(self, payload: Callable[[], None], *, stdin: int | None = None) -> bool:
        """Run the proxy against the payload, and gather what it wrote in `told`."""
        threads = [threading.Thread(target=target, daemon=True) for target in (payload, self._gather)]
        for thread in threads:
            thread.start()
        try:
            return console.proxy(
                self.container.first.fileno(),
                stdin=self.caller.first.fileno() if stdin is None else stdin,
                stdout=self.output.second.fileno(),
                until=self.end.first.fileno(),
            )
        finally:
            self.output.second.close()
            for thread in threads:
                thread.join(30)

    def _gather(self) -> None:
        while data := os.read(self.output.first.fileno(), 65_536):
            self.told += data

    def close(self) -> None:
        for pair in (self.container, self.caller, self.output, self.end):
            pair.close()


@pytest.fixture
def desk() -> Iterator[Desk]:
    made = Desk()
    yield made
    made.close()


@pytest.fixture
def outer() -> Iterator[Pair]:
    """A terminal as the caller's own: what a person sees and types at, and what the proxy has as stdin."""
    made = Pair.terminal()
    yield made
    made.close()


def lines_until_end(fd: int) -> bytes:
    read = b""
    while data := os.read(fd, 65_536):
        read += data
    return read


def quiet(fd: int) -> None:
    attributes = termios.tcgetattr(fd)
    attributes[3] &= ~termios.ECHO
    attributes[1] &= ~termios.OPOST
    termios.tcsetattr(fd, termios.TCSANOW, attributes)


def test_input_and_output_pass(desk: Desk) -> None:
    read: list[bytes] = []

    def payload() -> None:
        read.append(os.read(desk.payload(), 100))
        os.write(desk.payload(), b"hello\n")
        desk.exit()

    desk.type(b"ls\n")
    assert desk.join(payload) is True
    assert read == [b"ls\n"]
    assert desk.told == b"ls\r\nhello\r\n"  # the echo first


@pytest.mark.parametrize(("typed", "expected"), [(b"", b""), (b"line\n", b"line\n"), (b"no newline", b"no newline")])
def test_the_end_of_input_is_an_end_of_file(desk: Desk, typed: bytes, expected: bytes) -> None:
    read: list[bytes] = []

    def payload() -> None:
        read.append(lines_until_end(desk.payload()))
        desk.exit()

    desk.type(typed)
    desk.caller.second.close()
    assert desk.join(payload) is True
    assert read == [expected]


def test_the_end_of_input_reaches_every_reader(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """One sign is one reader's: a shell and what it runs both wait for their own."""
    monkeypatch.setattr(console, "_REPEAT_MS", 5)

    def payload() -> None:
        for _reader in range(5):
            assert lines_until_end(desk.payload()) == b""
        desk.exit()

    desk.caller.second.close()
    assert desk.join(payload) is True


def test_the_terminals_own_sign_is_used(desk: Desk) -> None:
    attributes = termios.tcgetattr(desk.payload())
    attributes[6][termios.VEOF] = b"\x05"
    attributes[3] &= ~termios.ECHO
    termios.tcsetattr(desk.payload(), termios.TCSANOW, attributes)
    read: list[bytes] = []

    def payload() -> None:
        read.append(lines_until_end(desk.payload()))
        desk.exit()

    desk.type(b"a\x04b\n")
    desk.caller.second.close()
    assert desk.join(payload) is True
    assert read == [b"a\x04b\n"]


def test_a_payload_that_reads_nothing_can_still_write(desk: Desk) -> None:
    """Input waits on our side; a proxy that were stuck writing it would not read, and the payload be stuck too."""
    quiet(desk.payload())
    size = 1 << 20
    fcntl.fcntl(desk.caller.second.fileno(), fcntl.F_SETPIPE_SZ, size)
    desk.type((b"x" * 79 + b"\n") * (size // 80))  # more than a terminal holds (640 KiB, drivers/tty/tty_buffer.c)
    read: list[bytes] = []

    def payload() -> None:
        for _ in range(size // 4096):
            os.write(desk.payload(), b"y" * 4096)
        read.append(os.read(desk.payload(), 10))
        desk.exit()

    assert desk.join(payload) is True
    assert desk.told == b"y" * size
    assert read == [b"x" * 10]


def test_the_payloads_end_counts_though_others_have_its_terminal_open(desk: Desk) -> None:
    quiet(desk.payload())

    def payload() -> None:
        os.write(desk.payload(), b"last words")
        desk.end.second.close()  # and its side of the terminal stays open

    assert desk.join(payload) is True
    assert desk.told == b"last words"


def test_output_before_the_end_is_not_lost(desk: Desk) -> None:
    quiet(desk.payload())
    for _ in range(20):
        os.write(desk.payload(), b"z" * 100)
    assert desk.join(desk.exit) is True
    assert desk.told == b"z" * 2000


def test_output_waits_for_a_reader_where_somebody_has_made_it_non_blocking(desk: Desk) -> None:
    quiet(desk.payload())
    fcntl.fcntl(desk.output.second.fileno(), fcntl.F_SETPIPE_SZ, 4096)
    os.set_blocking(desk.output.second.fileno(), False)

    def payload() -> None:
        for _ in range(200):
            os.write(desk.payload(), b"z" * 1000)
        desk.exit()

    assert desk.join(payload) is True
    assert desk.told == b"z" * 200_000


def test_a_terminal_that_hangs_up_is_told(desk: Desk, outer: Pair) -> None:
    def payload() -> None:
        os.read(desk.payload(), 10)
        outer.first.close()

    os.write(outer.first.fileno(), b"line\n")
    assert desk.join(payload, stdin=outer.second.fileno()) is False


@contextmanager
def held_from_main_thread(number: int) -> Iterator[None]:
    """Have the kernel give a signal to another thread, so that it interrupts no call of this one: as if it had come just
    before that.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {number})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def test_a_hangup_just_before_the_wait_is_told(desk: Desk, outer: Pair) -> None:
    threads: list[threading.Thread] = []

    def payload() -> None:
        os.read(desk.payload(), 10)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGHUP})
        threads.append(threading.Timer(10, outer.first.close))  # whoever does not notice is to end too
        threads[0].start()
        signal.pthread_kill(threading.get_ident(), signal.SIGHUP)

    os.write(outer.first.fileno(), b"line\n")
    with held_from_main_thread(signal.SIGHUP):
        assert desk.join(payload, stdin=outer.second.fileno()) is False
        assert threads[0].is_alive()
    threads[0].cancel()  # type: ignore[attr-defined]
    assert signal.getsignal(signal.SIGHUP) is signal.SIG_DFL


def test_who_was_woken_by_signals_before_is_so_again(desk: Desk, outer: Pair) -> None:
    def payload() -> None:
        os.read(desk.payload(), 10)
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGWINCH)
        os.read(desk.payload(), 10)
        desk.exit()

    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.settimeout(0)
        theirs.settimeout(0)
        before = signal.set_wakeup_fd(theirs.fileno())
        try:
            os.write(outer.first.fileno(), b"line\n")
            threading.Timer(0.05, os.write, (outer.first.fileno(), b"more\n")).start()
            assert desk.join(payload, stdin=outer.second.fileno()) is True
        finally:
            assert signal.set_wakeup_fd(before) == theirs.fileno()
        assert ours.recv(10) == bytes([signal.SIGWINCH])


def test_settings_come_back(desk: Desk, outer: Pair) -> None:
    before = termios.tcgetattr(outer.second.fileno())
    during: list[int] = []

    def payload() -> None:
        os.read(desk.payload(), 10)
        during.append(termios.tcgetattr(outer.second.fileno())[3])
        desk.exit()

    os.write(outer.first.fileno(), b"typed before\n")
    assert desk.join(payload, stdin=outer.second.fileno()) is True
    assert during[0] & (termios.ICANON | termios.ECHO | termios.ISIG) == 0
    assert termios.tcgetattr(outer.second.fileno()) == before


def test_settings_come_back_after_an_error(desk: Desk, outer: Pair) -> None:
    before = termios.tcgetattr(outer.second.fileno())
    with pytest.raises(RuntimeError, match="inside"), console.raw_mode(outer.second.fileno()):
        raise RuntimeError("inside")
    assert termios.tcgetattr(outer.second.fileno()) == before


def test_the_window_size_is_followed(desk: Desk, outer: Pair) -> None:
    console.resize(outer.first.fileno(), rows=30, columns=90)
    sizes: list[tuple[int, int]] = []
    changed = threading.Event()
    handler = signal.getsignal(signal.SIGWINCH)

    def payload() -> None:
        os.read(desk.payload(), 10)
        sizes.append(console.window_size(desk.payload()))
        console.resize(outer.first.fileno(), rows=40, columns=100)
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGWINCH)
        os.write(outer.first.fileno(), b"again\n")
        os.read(desk.payload(), 10)
        sizes.append(console.window_size(desk.payload()))
        changed.set()
        desk.exit()

    os.write(outer.first.fileno(), b"now\n")
    assert desk.join(payload, stdin=outer.second.fileno()) is True
    assert changed.is_set()
    assert sizes == [(30, 90), (40, 100)]
    assert signal.getsignal(signal.SIGWINCH) is handler


def test_what_is_no_terminal_has_no_size(desk: Desk) -> None:
    assert console.window_size(desk.caller.first.fileno()) == (0, 0)


def test_reading_a_closed_terminal_is_an_end() -> None:
    with ExitStack() as stack:
        pair = Pair.terminal()
        stack.callback(pair.close)
        pair.second.close()
        assert select.select([pair.first], [], [], 5)[0]
        assert console.read_terminal(pair.first.fileno()) == b""
