"""Signals by the names that people write."""

from __future__ import annotations

import signal


def signal_number(text: str) -> int | None:
    """Return the number of "SIGTERM", "term" or "15"; None where there is no such signal."""
    if text.isascii() and text.isdigit() and len(text) <= 2 and 1 <= int(text) < signal.NSIG:
        return int(text)
    name = text.upper()
    for candidate in (name, f"SIG{name}"):
        if candidate in signal.Signals.__members__:
            return int(signal.Signals[candidate])
    return None


def signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"SIGRT{number - 34:+d}"
