"""Sizes as they are typed: "64m", "1.5g"."""

from __future__ import annotations

import re

from containerd_py.errors import InvalidArgument

_SIZE = re.compile(r"([0-9]+(?:\.[0-9]+)?)([kmgt]?)(?:i?b)?")
_UNITS = {"": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40}


def parse_size(text: str, option: str = "--memory") -> int:
    """Return bytes: "65536", "64k", "64m", "1.5g", "1GiB"."""
    parts = _SIZE.fullmatch(text.lower())
    if parts is None:
        hint = "write 64m, 1g, or a number of bytes"
        raise InvalidArgument(f"cannot read the options: {option} {text!r} is no size", step="parse", hint=hint)
    return int(float(parts[1]) * _UNITS[parts[2]])
