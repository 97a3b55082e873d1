"""The output of a container as JSON: one object for each of its lines."""

from __future__ import annotations

import base64
import json
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_PIECES = re.compile(rb"[^\n]*\n|[^\n]+")
_LONGEST = 64 * 1024


class Lines:
    """Cuts what the streams bring into lines, each stream for itself. A line above 64 KiB comes in several pieces."""

    def __init__(self) -> None:
        self._begun: dict[str, tuple[int, bytes]] = {}

    def feed(self, stream: str, offset: int, data: bytes) -> Iterator[str]:
        """Yield what is whole now. offset: of the first byte of `data` in all output."""
        for piece in _PIECES.findall(data):
            start, begun = self._begun.pop(stream, (offset, b""))
            line = begun + piece
            offset += len(piece)
            if line.endswith(b"\n") or len(line) >= _LONGEST:
                yield _object(stream, start, line)
            else:
                self._begun[stream] = (start, line)

    def end(self) -> Iterator[str]:
        """Yield the lines that have begun, and will not end."""
        for stream, (start, line) in sorted(self._begun.items(), key=lambda entry: entry[1]):
            yield _object(stream, start, line)
        self._begun.clear()


def _object(stream: str, offset: int, line: bytes) -> str:
    """With "text", its line end included; what is no UTF-8 has "base64" instead."""
    try:
        content = {"text": line.decode()}
    except UnicodeDecodeError:
        content = {"base64": base64.b64encode(line).decode()}
    return json.dumps({"stream": stream, "offset": offset, **content})
