"""The journal's socket, for output of containers: what it does not take at once waits.

Not through sd_journal_send(3): that one says nothing where there is no journal, and blocks where the journal is slow.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import re
import socket
from typing import TYPE_CHECKING

import structlog

from containerd_py.engine.changes import Changes
from containerd_py.errors import NotSupported
from containerd_py.journal_entry import SOCKET

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_log = structlog.get_logger()

MOST_LABELS, MOST_LABEL_BYTES = 256, 65_536

_SO_SNDBUFFORCE = 32
_SEND_BUFFER = 8 << 20
_LONGEST_NAME = 64
_PASSING = (
    *(errno.ENOENT, errno.ECONNREFUSED, errno.ECONNRESET, errno.ENOTCONN, errno.EPIPE),
    *(errno.ENOBUFS, errno.ENOMEM, errno.EMFILE, errno.ENFILE),
)
_PAUSE_S, _LONGEST_PAUSE_S = 0.05, 2.0
_WRITABLE_S = 1.0  # to look again: the journal may have gone meanwhile


def label_field(key: str) -> str:
    """Return the field of a label: upper case, what a field's name may not have is "_", cut off after 64 characters."""
    return ("CONTAINER_LABEL_" + re.sub(r"[^A-Z0-9_]", "_", key.upper()))[:_LONGEST_NAME]


def check_labels(labels: Mapping[str, str]) -> None:
    """Raises NotSupported for more than an entry of the journal takes."""
    size = sum(len(key.encode()) + len(value.encode()) for key, value in labels.items())
    if len(labels) > MOST_LABELS or size > MOST_LABEL_BYTES:
        raise NotSupported(
            f"cannot send labels to the journal: {len(labels)} of {size} bytes are more than "
            f"{MOST_LABELS} of {MOST_LABEL_BYTES} bytes, which each entry would bear",
            step="labels",
            hint="use fewer labels, or the log driver 'file'",
        )


class Journal:
    """The connection that all containers share; made when there is something to send, and again where it was lost."""

    def __init__(self, path: str = SOCKET) -> None:
        self.path = path
        self._socket: socket.socket | None = None
        self._writable = Changes()
        self._away = False

    def check(self) -> None:
        """Raises NotSupported where there has never been a journal; one that is away for now is waited for."""
        if not os.path.isdir(os.path.dirname(self.path)):
            raise NotSupported(
                f"cannot send output to the journal: this host has none at {self.path!r}",
                step="log",
                hint="use the log driver 'file', or name the socket of the journal in the setting journal_socket",
            )

    def answers(self) -> bool:
        """True where somebody listens at this moment."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as other:
            return other.connect_ex(self.path) == 0

    async def send(self, entry: bytes, *, giving_up: Callable[[], bool]) -> bool:
        """Return once the journal has taken it, False where it is away or takes nothing and `giving_up` says so.

        Nobody but the caller waits. Raises OSError for an entry that cannot be sent at all.
        """
        pause_s = _PAUSE_S
        while True:
            try:
                self._connected().send(entry)
            except (BlockingIOError, InterruptedError):
                if giving_up():
                    return False
                await self._until_writable()
            except OSError as problem:
                if problem.errno not in _PASSING:
                    raise
                self._lose(problem)
                if giving_up():
                    return False
                await asyncio.sleep(pause_s)
                pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)
            else:
                if self._away:
                    self._away = False
                    _log.info("the journal is back", socket=self.path)
                return True

    def close(self) -> None:
        if self._socket is not None:
            with contextlib.suppress(RuntimeError):  # without a loop there is no writer either
                asyncio.get_running_loop().remove_writer(self._socket.fileno())
            self._socket.close()
            self._socket = None
        self._writable.announce()

    def _connected(self) -> socket.socket:
        if self._socket is None:
            made = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK)
            with contextlib.suppress(PermissionError):  # without CAP_NET_ADMIN the usual size must do
                made.setsockopt(socket.SOL_SOCKET, _SO_SNDBUFFORCE, _SEND_BUFFER)
            try:
                made.connect(self.path)
            except OSError:
                made.close()
                raise
            self._socket = made
        return self._socket

    async def _until_writable(self) -> None:
        if self._socket is not None:
            asyncio.get_running_loop().add_writer(self._socket.fileno(), self._tell_writable, self._socket.fileno())
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_WRITABLE_S):
                await self._writable.wait()

    def _tell_writable(self, number: int) -> None:
        asyncio.get_running_loop().remove_writer(number)
        self._writable.announce()

    def _lose(self, problem: OSError) -> None:
        if not self._away:
            self._away = True
            _log.warning("the journal is away: output waits for it", socket=self.path, error=problem.strerror)
        self.close()
