"""Times as they are typed."""

from __future__ import annotations

import datetime
import re
import time

import typer

_AGO = re.compile(r"(?:([0-9]+)h)?(?:([0-9]+)m)?(?:([0-9]+(?:\.[0-9]+)?)s)?", re.ASCII)
_EPOCH = re.compile(r"[0-9]{1,12}(\.[0-9]{1,9})?", re.ASCII)


def moment(text: str | None, option: str) -> str | None:
    """Return what the daemon takes: "90s", "10m", "2h" or "1h30m" are that long ago, a time without a zone is local."""
    if text is None:
        return None
    ago = _AGO.fullmatch(text)
    if ago is not None and any(ago.groups()):
        hours, minutes, seconds = (float(part or 0) for part in ago.groups())
        return f"{max(0.0, time.time() - hours * 3600 - minutes * 60 - seconds):.6f}"
    if _EPOCH.fullmatch(text):
        return text
    try:
        return datetime.datetime.fromisoformat(text).astimezone().isoformat()
    except (ValueError, OverflowError):
        raise typer.BadParameter(f"{text!r} is no time: write 10m, or 2025-03-01T09:30:00", param_hint=option) from None
