"""The caller's own terminal: its size, and raw mode that is always undone."""

from __future__ import annotations

import contextlib
import os
import termios
import tty
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextlib.contextmanager
def raw_mode(fd: int) -> Iterator[None]:
    """Let every key through as it is typed; on the way out, however that is, the terminal is as it was."""
    before = termios.tcgetattr(fd)
    try:
        tty.setraw(fd, termios.TCSANOW)
        yield
    finally:
        with contextlib.suppress(termios.error):  # it may have hung up
            termios.tcsetattr(fd, termios.TCSADRAIN, before)


def size_of(fd: int) -> tuple[int, int] | None:
    """Return (rows, columns), or None where the terminal does not know its size."""
    try:
        size = os.get_terminal_size(fd)
    except OSError:
        return None
    return (size.lines, size.columns) if size.lines > 0 and size.columns > 0 else None
