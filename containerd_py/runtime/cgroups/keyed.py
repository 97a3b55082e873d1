"""Reading the formats of control files (cgroup-v2.rst, "Format"): pure functions from text.

The text is None where there is no such file. What is no number is left out: a newer kernel may tell more.
"""

from __future__ import annotations


def number(text: str | None) -> int:
    """Read a single value; 0 where there is none."""
    return int(text) if text and text.isdigit() else 0


def limit(text: str | None) -> int | None:
    """Read a limit; None is no limit: "max" on v2, on v1 the largest number that fits into whole pages."""
    return int(text) if text and text.isdigit() and int(text) < _NO_LIMIT else None


_NO_LIMIT = (2**63 - 1) // 65536 * 65536  # with the largest pages that there are, 64 KiB


def keyed(text: str | None) -> dict[str, int]:
    """Read flat keyed lines: "user_usec 5"."""
    pairs = (line.split() for line in (text or "").splitlines())
    return {pair[0]: int(pair[1]) for pair in pairs if len(pair) == 2 and pair[1].isdigit()}


def nested(text: str | None) -> dict[str, dict[str, str]]:
    """Read nested keyed lines: "8:0 rbytes=1 wbytes=2"."""
    lines = (line.split() for line in (text or "").splitlines())
    return {line[0]: dict(item.split("=", 1) for item in line[1:] if "=" in item) for line in lines if line}
