"""Entries of the journal in its native protocol (systemd.io/JOURNAL_NATIVE_PROTOCOL): one datagram is one entry.

Which fields there are is told by who sends: `log` for the daemon's own lines, `engine.journal` for output of containers.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

SOCKET = "/run/systemd/journal/socket"
_LENGTH = struct.Struct("<Q")


def encode(fields: Iterable[tuple[str, bytes]]) -> bytes:
    """Return an entry. A value with a line feed has its length before it: it cannot be taken for further fields."""
    parts = []
    for name, value in fields:
        if b"\n" in value:
            parts += [name.encode(), b"\n", _LENGTH.pack(len(value)), value, b"\n"]
        else:
            parts += [name.encode(), b"=", value, b"\n"]
    return b"".join(parts)
