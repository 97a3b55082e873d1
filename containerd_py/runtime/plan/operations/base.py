"""What every operation is."""

from __future__ import annotations

from typing import ClassVar

Option = tuple[str, str | None]
"""An option of a file system; without a value it is a flag."""

_LONGEST = 1000


def cut(text: str) -> str:
    """Return what a description shows of a text that a document may make as long as it likes."""
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


class Operation:
    """One step. `step` is its name in errors, explanations and timelines."""

    __slots__ = ()
    step: ClassVar[str]

    def describe(self) -> str:
        """Say in one line what is done, to what."""
        raise NotImplementedError
