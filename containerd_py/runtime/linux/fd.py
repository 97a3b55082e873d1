"""Ownership of file descriptors: whoever holds an `Fd` closes it, once."""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self


class Fd:
    """An open file descriptor with one owner; a context manager. `take` hands the number to a new owner."""

    __slots__ = ("_number",)

    def __init__(self, number: int) -> None:
        if number < 0:
            raise ValueError(f"not a file descriptor: {number}")
        self._number = number

    def fileno(self) -> int:
        """Return the number, still owned here. Raises ValueError after `close` or `take`."""
        if self._number < 0:
            raise ValueError("this file descriptor is closed or was taken")
        return self._number

    def take(self) -> int:
        """Return the number and give up ownership: the caller closes it from now on."""
        number = self.fileno()
        self._number = -1
        return number

    def close(self) -> None:
        """Close; a second call does nothing."""
        if self._number >= 0:
            os.close(self.take())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Fd({self._number})" if self._number >= 0 else "Fd(closed)"
