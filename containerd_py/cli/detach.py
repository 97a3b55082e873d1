"""The keys that leave a container: as docker writes them, and found in what is typed. Errors are InvalidArgument."""

from __future__ import annotations

import re

from containerd_py.errors import InvalidArgument

USUAL = "ctrl-p,ctrl-q"
_CTRL = re.compile(r"ctrl-([a-z@\[\\\]^_])")


def parse_keys(text: str) -> bytes:
    """Return the bytes of "ctrl-p,ctrl-q" or "a,b"; "" is none: nothing detaches."""
    keys = bytearray()
    for part in text.split(",") if text else ():
        control = _CTRL.fullmatch(part.lower())
        if control is not None:
            keys.append(ord(control[1].upper()) & 0x1F)
        elif len(part) == 1 and part.isascii():
            keys += part.encode()
        else:
            raise InvalidArgument(
                f"cannot read --detach-keys {text!r}: {part!r} is no key", step="parse", hint="write ctrl-p,ctrl-q or x,y"
            )
    return bytes(keys)


class DetachKeys:
    """Holds back what may be the beginning of the keys, until it is known."""

    def __init__(self, keys: bytes) -> None:
        self._keys = keys
        self._begun = b""

    def feed(self, data: bytes) -> tuple[bytes, bool]:
        """Return what is to be passed on, and whether the keys came: what follows them is thrown away."""
        if not self._keys:
            return data, False
        data, self._begun = self._begun + data, b""
        before, found, _ = data.partition(self._keys)
        if found:
            return before, True
        for length in range(min(len(self._keys) - 1, len(data)), 0, -1):
            if data.endswith(self._keys[:length]):
                self._begun = data[-length:]
                return data[:-length], False
        return data, False
