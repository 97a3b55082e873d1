"""What a payload's standard streams are joined with."""

from __future__ import annotations

import errno
import os
import stat

from containerd_py.errors import InvalidArgument
from containerd_py.light.dataclasses import dataclass
from containerd_py.runtime.linux.passing import connect, send_fds

TYPE_CHECKING = False
if TYPE_CHECKING:
    from containerd_py.runtime.linux.fd import Fd

    Preserved = int | tuple[int, ...]
    """Descriptors for a payload: how many from 3 on, or which."""

_FIRST = 3
_DEADLINE_S = 10.0  # the container is locked meanwhile


@dataclass(frozen=True)
class Streams:
    """Descriptors that the payload gets as 0, 1 and 2; they stay the caller's. By default the caller's own."""

    stdin: int = 0
    stdout: int = 1
    stderr: int = 2

    def handles(self) -> dict[str, int]:
        """Raises InvalidArgument for one that is a terminal: its other end is the host's (SECURITY R7)."""
        streams = {"stdin": self.stdin, "stdout": self.stdout, "stderr": self.stderr}
        for name, fd in streams.items():
            if os.isatty(fd):
                raise InvalidArgument(
                    f"cannot give {name} to the container: it is a terminal of the host",
                    step="stdio",
                    hint="set process.terminal, and the container gets a terminal of its own",
                )
        return streams


OWN_STREAMS = Streams()
"""The caller's own."""


def preserved(asked: Preserved) -> dict[str, int]:
    """Return the caller's descriptors that the payload is to get as well, under the same numbers, as handles.

    asked: how many from 3 on, or which. Raises InvalidArgument for one that is not open.
    """
    wanted = range(_FIRST, _FIRST + asked) if isinstance(asked, int) else asked
    for fd in wanted:
        try:
            os.fstat(fd)
        except OSError as problem:
            raise InvalidArgument(
                f"cannot preserve descriptor {fd}: it is not open", step="stdio", errno=problem.errno
            ) from problem
    return {f"fd{fd - _FIRST}": fd for fd in wanted}


def preserved_up_to(asked: Preserved) -> int:
    """Return how many numbers from 3 on there are up to the last of them."""
    return asked if isinstance(asked, int) else max(asked, default=_FIRST - 1) - _FIRST + 1


def check_console_socket(path: str | None, *, terminal: bool) -> None:
    """Raises InvalidArgument where a console socket is given and no terminal is asked for, or it is none."""
    if path is None:
        return
    if not terminal:
        raise InvalidArgument(
            f"cannot use console socket {path!r}: process.terminal is not set",
            step="console",
            hint="leave it out, or set process.terminal",
        )
    try:
        found = os.stat(path)
    except OSError as problem:
        raise _unusable_console(path, problem.strerror or str(problem), problem.errno) from problem
    if not stat.S_ISSOCK(found.st_mode):  # not connected to yet: engines accept one connection
        raise _unusable_console(path, "it is no socket", errno.ENOTSOCK)


def hand_over_if_asked(master: Fd, console_socket: str | None) -> Fd | None:
    """Send a terminal's master to the console socket, and close it; return it where there is none.

    Joined with what is no terminal, it is to hand on the bytes that were written, lines as they are (runc, ClearONLCR).
    Raises InvalidArgument.
    """
    if console_socket is None:
        if not os.isatty(1):
            _keep_lines(master.fileno())
        return master
    with master:
        hand_over_terminal(console_socket, master.fileno())
    return None


def _keep_lines(master: int) -> None:
    """Have the terminal put no carriage return before the end of a line."""
    import termios  # few payloads have a terminal

    settings = termios.tcgetattr(master)
    settings[1] &= ~termios.ONLCR
    termios.tcsetattr(master, termios.TCSANOW, settings)


def hand_over_terminal(path: str, master: int, *, timeout_s: float = _DEADLINE_S) -> None:
    """Send a terminal's master to whoever listens at the console socket (runc's convention: its name, and the fd).

    Raises InvalidArgument, also where nobody takes it in time.
    """
    try:
        with connect(path, timeout_s=timeout_s) as connection:
            send_fds(connection, b"/dev/ptmx", (master,))
    except OSError as problem:
        raise _unusable_console(path, problem.strerror or str(problem), problem.errno) from problem


def _unusable_console(path: str, cause: str, number: int | None) -> InvalidArgument:
    return InvalidArgument(
        f"cannot use console socket {path!r}: {cause}",
        step="console",
        errno=number,
        hint="whoever asks for the container listens there, and takes the terminal",
    )
