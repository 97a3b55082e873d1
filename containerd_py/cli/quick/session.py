"""One container, or an exec, that was created: attached, started, followed to its end. Bytes are copied as they are."""

from __future__ import annotations

import os
import select

from containerd_py.cli.quick.connection import BINARY, CLOSE, PING, PONG, Connection, Strange
from containerd_py.cli.quick.typed import Input
from containerd_py.light import json, signal
from containerd_py.light.contextlib import closing, suppress

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, NoReturn, Self

    from containerd_py.cli.quick.usual import Usual

_PROTOCOL = "v5.channel.k8s.io"
_STDOUT, _STDERR, _STATUS = 1, 2, 3
_FORWARDED = {
    int(number): name
    for name, number in (
        ("SIGINT", signal.SIGINT),
        ("SIGTERM", signal.SIGTERM),
        ("SIGHUP", signal.SIGHUP),
        ("SIGQUIT", signal.SIGQUIT),
        ("SIGUSR1", signal.SIGUSR1),
        ("SIGUSR2", signal.SIGUSR2),
    )
}
_FORWARD_S = 5.0
_PIECE = 4096  # PIPE_BUF: what poll says there is room for is written without waiting
_NORMAL = (1000).to_bytes(2, "big")
_PIPES = 64
_FAILED_FROM = 400
_UNAVAILABLE = 503
_BROKEN = select.POLLERR | select.POLLHUP | select.POLLNVAL


class Lost(Exception):
    """The session cannot go on here. started: whether the container was; offset: the output that is written already.

    code, reason: of the close frame, where there was one.
    """

    def __init__(self, *, started: bool, offset: int, code: int | None = None, reason: str = "") -> None:
        super().__init__(reason)
        self.started = started
        self.offset = offset
        self.code = code
        self.reason = reason


class Left(Exception):
    """A signal has made this process leave a container that goes on without it."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


class Session:
    """asked: what was created; name: its id; connection: over which that was done, the caller's."""

    def __init__(self, asked: Usual, name: str, connection: Connection) -> None:
        self.asked = asked
        self.socket = asked.socket
        self.name = name
        self.input: Input | None = None
        """Since it was started, where this process's stdin is its own."""
        self._path = f"{asked.place}/{name}"
        self._connection = connection
        self._offset = 0
        self._happened: dict[int, int] = {}
        """Events, by descriptor, that input was not passed on for yet."""

    def attend(self) -> int:
        """Return the payload's exit code, or a shell's for how this process was made to leave it. Raises Lost."""
        with closing(self._attach()) as stream:
            return self._run(stream)

    def _run(self, stream: Connection) -> int:
        with Signals() as signals:
            try:
                status, answer = self.start(signals)
            except Left as left:
                return 128 + left.number
            except (OSError, Strange) as problem:
                from containerd_py.cli.quick import others

                return others.lost(self.socket, problem)
            if status >= _FAILED_FROM:
                from containerd_py.cli.quick import others

                return others.refused(status, answer, "POST", f"{self._path}/start")
            self.input = Input(stream) if self.asked.interactive else None
            try:
                return self._follow(stream, signals)
            except Left as left:
                return 128 + left.number
            except BrokenPipeError:
                return 128 + signal.SIGPIPE
            except OSError as problem:
                from containerd_py.cli.quick import others

                return others.not_written(problem)

    def _attach(self) -> Connection:
        """Before it is started, so that no byte is missed."""
        try:
            stream = Connection(self.socket)
        except OSError as problem:
            raise Lost(started=False, offset=0) from problem
        try:
            if stream.upgrade(f"{self._path}/attach?offset=0", _PROTOCOL):
                return stream
        except (OSError, Strange) as problem:
            stream.close()
            raise Lost(started=False, offset=0) from problem
        stream.close()
        raise Lost(started=False, offset=0)

    def start(self, signals: Signals | None = None) -> tuple[int, bytes]:
        """Return what the daemon answers; signals: to be passed on meanwhile. Raises OSError, Strange, Left."""
        self._connection.ask("POST", f"{self._path}/start")
        while signals is not None and not self._ready(self._connection, signals):
            self._forward(signals)
        return self._connection.answer()

    def remove(self) -> tuple[int, bytes]:
        """Return what the daemon answers. Raises OSError, Strange."""
        with closing(Connection(self.socket)) as connection:  # the one before may be too old
            return connection.exchange("DELETE", f"{self._path}?force=true")

    # ── output ──

    def _follow(self, stream: Connection, signals: Signals) -> int:
        while True:
            if stream.holds_more or self._ready(stream, signals):
                try:
                    kind, content = stream.frame()
                    if kind == PING:
                        stream.send(PONG, content)
                        continue
                except (OSError, Strange) as problem:
                    raise Lost(started=True, offset=self._offset, reason="") from problem
                if kind == BINARY and content[:1] == bytes((_STATUS,)):
                    return self._end(content[1:], stream)
                if kind != BINARY:
                    self._lose(kind, content)
                self._copy(content, signals)
                self._pass_on()
            self._forward(signals)

    def _copy(self, content: bytes, signals: Signals) -> None:
        if not content or content[0] not in (_STDOUT, _STDERR):
            return
        self._offset += len(content) - 1
        rest = memoryview(content)[1:]
        while rest:
            if self._ready(content[0], signals, select.POLLOUT):
                rest = _write(content[0], rest)
            self._forward(signals)

    def _end(self, status: bytes, stream: Connection) -> int:
        with suppress(OSError):  # it has closed first
            stream.send(CLOSE, _NORMAL)
        code = exit_code(status)
        if code is None:  # nobody saw it, or following has failed
            from containerd_py.cli.quick import others

            return others.ended(self, status)
        return code

    def _lose(self, kind: int, content: bytes) -> NoReturn:
        code = int.from_bytes(content[:2], "big") if kind == CLOSE and len(content) >= 2 else None
        raise Lost(started=True, offset=self._offset, code=code, reason=content[2:].decode(errors="replace"))

    # ── waiting ──

    def _ready(self, one: Connection | int, signals: Signals, event: int = select.POLLIN) -> bool:
        """Wait until something can be done with it, a signal or input has come; tell whether it can.

        Input is passed on; but what the daemon says comes first, as it may be that it hears no more: `_pass_on` is next.
        """
        fd = one if isinstance(one, int) else one.fileno()
        awaited = self.input.awaited() if self.input is not None else {}
        awaited |= {fd: awaited.get(fd, 0) | event, signals.fileno(): select.POLLIN}
        poll = select.poll()
        for each, events in awaited.items():
            poll.register(each, events)
        self._happened = happened = dict(poll.poll())
        ready = bool(happened.get(fd, 0) & (event | _BROKEN))
        if not (ready and event == select.POLLIN):
            self._pass_on()
        return ready

    def _pass_on(self) -> None:
        happened, self._happened = self._happened, {}
        if self.input is not None:
            self.input.move(happened)

    # ── signals ──

    def _forward(self, signals: Signals) -> None:
        """Pass on what has come; where the daemon is away or hangs, it is meant for this process."""
        for number in signals.taken():
            try:
                with closing(Connection(self.socket, timeout_s=_FORWARD_S)) as connection:
                    status, _ = connection.exchange("POST", f"{self._path}/kill?signal={_FORWARDED[number]}")
            except (OSError, Strange) as problem:
                raise Left(number) from problem
            if status == _UNAVAILABLE:  # otherwise the payload has just ended, which the stream tells
                raise Left(number)


class Signals:
    """Holds them back from their default action while it is entered. fileno: readable when some have come."""

    def __enter__(self) -> Self:
        self._read, self._write = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        signal.set_wakeup_fd(self._write, warn_on_full_buffer=False)
        self._before: dict[int, Any] = {number: signal.signal(number, _wake) for number in _FORWARDED}
        return self

    def __exit__(self, *_problem: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(-1)
        os.close(self._write)
        os.close(self._read)

    def fileno(self) -> int:
        return self._read

    def taken(self) -> list[int]:
        """Return those that have come since."""
        try:
            return [number for number in os.read(self._read, _PIPES) if number in _FORWARDED]
        except BlockingIOError:
            return []


def exit_code(status: bytes) -> int | None:
    """Return what a Kubernetes Status says of a payload; None where it says something else."""
    try:
        told = json.loads(status)
        if told["status"] == "Success":
            return 0
        if told["reason"] == "NonZeroExitCode":
            return next(int(one["message"]) for one in told["details"]["causes"] if one["reason"] == "ExitCode")
    except (ValueError, LookupError, TypeError, StopIteration):
        return None
    return None


def _write(fd: int, rest: memoryview) -> memoryview:
    try:
        return rest[os.write(fd, rest[:_PIECE]) :]
    except BlockingIOError:  # another process made it non-blocking, and wrote first
        return rest


def _wake(_number: int, _frame: object) -> None:
    """The kernel's handler has written to the pipe."""
