"""Signals by name, and those to this process passed on to a payload."""

from __future__ import annotations

import os

from containerd_py.errors import Conflict, InvalidArgument
from containerd_py.light import contextlib, signal, threading

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any, Self

_OURS = {
    *(signal.SIGCHLD, signal.SIGWINCH, signal.SIGPIPE, signal.SIGTTIN, signal.SIGTTOU),
    *(signal.SIGKILL, signal.SIGSTOP),
    *(signal.SIGSEGV, signal.SIGBUS, signal.SIGILL, signal.SIGFPE, signal.SIGTRAP, signal.SIGSYS, signal.SIGABRT),
}
"""Not passed on: about our own children, terminal and defects; and the two that nobody can catch."""


def parse_signal(text: str) -> int:
    """Return the number of a signal: "TERM", "sigterm", "15", "RTMIN+2"; 0 asks whether there is a process."""
    if text.isascii() and text.isdigit() and int(text) < signal.NSIG:
        return int(text)
    name = text.upper().removeprefix("SIG")
    found = getattr(signal, f"SIG{name}", None)
    if type(found) is int and not name.startswith("_"):  # SIG_DFL and its like are none
        return found
    for base, sign in (("RTMIN+", 1), ("RTMAX-", -1)):
        offset = name.removeprefix(base)
        if offset != name and offset.isascii() and offset.isdigit() and int(offset) <= signal.SIGRTMAX - signal.SIGRTMIN:
            return int(getattr(signal, f"SIG{base[:-1]}")) + sign * int(offset)
    raise InvalidArgument(
        f"cannot read signal {text!r}: unknown signal", step="parse", hint="a name such as TERM, or a number"
    )


_PIPE_BYTES = 65_536
_ENDING = (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM)


class Interrupted(BaseException):
    """This process is to end, before there is a payload that could be told; no error, as KeyboardInterrupt is none."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


class Forwarding:
    """While it is entered, signals to this process are held back; from `attach` on they go to a payload.

    The kernel's handler notes each in a pipe (`signal.set_wakeup_fd`), and a thread passes them on: a handler in Python,
    asked for between the interpreter's last look and the call in which the main thread waits for the payload, would run
    when that has come back.

    One that asks this process to end would be lost with the first process of a pid namespace, which gets none that it does
    not handle yet (pid_namespaces(7)): before there is a payload it is `Interrupted`.
    """

    def __init__(self) -> None:
        self._interruptible = False
        self._begun: Callable[[], bool] = lambda: False
        self._held: list[int] = []
        self._before: dict[int, Any] = {}
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        self._read, self._write = os.pipe2(os.O_CLOEXEC)
        os.set_blocking(self._write, False)
        self._woken_before = signal.set_wakeup_fd(self._write, warn_on_full_buffer=False)
        for number in signal.valid_signals() - _OURS:
            with contextlib.suppress(OSError, ValueError):  # the C library keeps some for itself
                self._before[number] = signal.signal(number, self._receive)
        return self

    def __exit__(self, *exc: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(self._woken_before)
        os.close(self._write)
        if self._thread is not None:
            self._thread.join()
        os.close(self._read)

    def attach(self, send: Callable[[int], None]) -> None:
        """Have `send` called, in a thread, with every signal that came so far, and that comes."""
        self._thread = threading.Thread(target=self._pass_on, args=(send,), daemon=True)
        self._thread.start()

    @contextlib.contextmanager
    def interruptible(self, *, begun: Callable[[], bool] = lambda: False) -> Iterator[None]:
        """Raise Interrupted inside, at any place, for a signal that asks this process to end; once, so that it can undo.

        begun: whether there is a payload by now; then the signal is for it, and held back.
        """
        self._interruptible, self._begun = True, begun
        try:
            self.check()
            yield
        finally:
            self._interruptible = False

    def check(self) -> None:
        """Raise Interrupted where such a signal has come."""
        for number in self._held:
            if number in _ENDING:
                raise Interrupted(number)

    def _receive(self, number: int, _frame: object) -> None:
        if self._interruptible and number in _ENDING and not self._begun():
            self._interruptible = False
            raise Interrupted(number)
        self._held.append(number)

    def _pass_on(self, send: Callable[[int], None]) -> None:
        while numbers := os.read(self._read, _PIPE_BYTES):
            for number in numbers:
                if number not in _OURS:  # others may have handlers for those
                    with contextlib.suppress(Conflict, ProcessLookupError):  # it has ended
                        send(number)
