"""What every operation is."""

from __future__ import annotations

from typing import ClassVar

Option = tuple[str, str | None]
"""An option of a file system; without a value it is a flag."""


class Operation:
    """One step. `step` is its name in errors, explanations and timelines."""

    __slots__ = ()
    step: ClassVar[str]

    def describe(self) -> str:
        """Say in one line what is done, to what."""
        raise NotImplementedError
