"""The keys that leave a container at a terminal: `ctrl-p,ctrl-q` unless others are chosen."""

from __future__ import annotations

from typing import Annotated

import typer

from containerd_py.errors import InvalidArgument

DEFAULT = "ctrl-p,ctrl-q"
_MOST = 16
_CONTROL = "@abcdefghijklmnopqrstuvwxyz[\\]^_"

DetachKeysOption = Annotated[
    str,
    typer.Option(
        "--detach-keys", metavar="KEYS", help="Leave it with these keys: characters and ctrl-X, with commas; empty: none."
    ),
]


def parse(text: str) -> bytes:
    """Return what the keys send. Raises InvalidArgument."""
    if not text:
        return b""
    keys = text.split(",")
    if len(keys) > _MOST:
        raise InvalidArgument(f"cannot read --detach-keys: {len(keys)} keys are more than {_MOST}", step="parse")
    return bytes(_code(key, text) for key in keys)


def _code(key: str, text: str) -> int:
    if len(key) == 1 and key.isascii() and key.isprintable():
        return ord(key)
    if key.lower() == "del":
        return 127
    name = key.lower().removeprefix("ctrl-")
    if name != key.lower() and len(name) == 1 and name in _CONTROL:
        return _CONTROL.index(name)
    raise InvalidArgument(
        f"cannot read --detach-keys {text!r}: no key {key!r}",
        step="parse",
        hint="write characters, del, or ctrl- with a letter or one of @ [ \\ ] ^ _ after it, with commas between",
    )


class DetachKeys:
    """Looks for the sequence in what is typed. What may be its beginning is held back until the next key tells."""

    def __init__(self, sequence: bytes) -> None:
        self._sequence = sequence
        self._held = b""

    def feed(self, typed: bytes) -> tuple[bytes, bool]:
        """Return what is to be passed on, and True where the sequence was typed: what comes after it is dropped."""
        if not self._sequence:
            return typed, False
        waiting, self._held = self._held + typed, b""
        found = waiting.find(self._sequence)
        if found >= 0:
            return waiting[:found], True
        size = self._begun(waiting)
        self._held = waiting[len(waiting) - size :]
        return waiting[: len(waiting) - size], False

    def end(self) -> bytes:
        """Return what was held back: nothing more is typed."""
        held, self._held = self._held, b""
        return held

    def _begun(self, typed: bytes) -> int:
        """Return how much of the sequence stands at the end of what was typed."""
        longest = min(len(typed), len(self._sequence) - 1)
        return next((size for size in range(longest, 0, -1) if typed.endswith(self._sequence[:size])), 0)
