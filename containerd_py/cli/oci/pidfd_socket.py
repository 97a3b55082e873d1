"""`--pidfd-socket`: whoever listens there is sent a pidfd of the process that the command makes."""

from __future__ import annotations

import os

from containerd_py.errors import InvalidArgument, errno_name
from containerd_py.light import contextlib
from containerd_py.runtime.linux.fd import Fd
from containerd_py.runtime.linux.passing import connect, send_fds

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from containerd_py.cli.oci.containers import Container, Execution

_DEADLINE_S = 10.0


@contextlib.contextmanager
def told_of(path: str | None) -> Iterator[Callable[[Container | Execution], None]]:
    """Connect to the socket before anything is made; yield what sends the pidfd of a child of this process.

    Both raise InvalidArgument. Without a path there is nobody to tell.
    """
    if path is None:
        yield lambda _process: None
        return
    with _explained(path):
        connection = connect(path, timeout_s=_DEADLINE_S)
    with connection:

        def tell(process: Container | Execution) -> None:
            with _explained(path), Fd(os.pidfd_open(process.pid)) as pidfd:  # not reaped yet, so nobody else has its number
                send_fds(connection, b"pidfd", (pidfd.fileno(),))

        yield tell


@contextlib.contextmanager
def _explained(path: str) -> Iterator[None]:
    try:
        yield
    except OSError as problem:
        raise InvalidArgument(
            f"cannot use pidfd socket {path!r}: {problem.strerror or problem}",
            step="pidfd",
            errno=errno_name(problem.errno),
            hint="whoever asks for the process listens there",
        ) from problem
