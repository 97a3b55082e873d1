"""This process's standard input on its way to a payload, as `foreground` copies it; nobody waits for it here.

The descriptor is shared with other processes, and is never made non-blocking.
"""

from __future__ import annotations

import os
import select

from containerd_py.cli.quick.connection import BINARY, Connection

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

_STDIN = 0
_PIECE = 32 * 1024  # a frame is at most 64 KiB
_INPUT = b"\x00"
_END = b"\xff\x00"


class Input:
    """stream: where it is sent to, the caller's. What the daemon does not take keeps this from reading on."""

    def __init__(self, stream: Connection) -> None:
        self._stream = stream
        self._lost = False
        self._ended = False
        self._sending = b""

    @property
    def unsent(self) -> bytes:
        """What was read, and has not gone as a whole."""
        return self._sending

    def awaited(self) -> dict[int, int]:
        """Return the events, by descriptor, for which `move` is to be called."""
        if self._lost:
            return {}
        if self._stream.holds_unsent:
            return {self._stream.fileno(): select.POLLOUT}
        return {} if self._ended else {_STDIN: select.POLLIN}

    def move(self, happened: Mapping[int, int]) -> None:
        """Send or read, as far as that waits for nobody."""
        if self._lost or not happened.keys() & self.awaited().keys():
            return
        data = None if self._stream.holds_unsent else _read()
        try:
            if data is None:
                self._stream.flush()
            else:
                self._sending, self._ended = data, not data
                self._stream.send(BINARY, _INPUT + data if data else _END)
        except OSError:  # which who reads from the stream finds out too
            self._lost = True
            return
        if not self._stream.holds_unsent:
            self._sending = b""


def _read() -> bytes | None:
    """A terminal that hung up is at its end; None: another process was faster."""
    try:
        return os.read(_STDIN, _PIECE)
    except BlockingIOError:
        return None
    except OSError:
        return b""
