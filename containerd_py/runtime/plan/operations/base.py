"""What every operation is."""

from __future__ import annotations

from containerd_py.light.dataclasses import dataclass, field

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import ClassVar

Option = tuple[str, str | None]
"""An option of a file system; without a value it is a flag."""

_LONGEST = 1000


def cut(text: str) -> str:
    """Return what a description shows of a text that a document may make as long as it likes."""
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


@dataclass(frozen=True)
class Operation:
    """One step. `step` is its name in errors, explanations and timelines.

    origin: JSON path of the field that asks for it, "" for what every container gets. It is for whoever tells of a failure:
    the worker is not sent it, and two operations that do the same are equal.
    """

    step: ClassVar[str]
    origin: str = field(default="", kw_only=True, compare=False, repr=False)

    def describe(self) -> str:
        """Say in one line what is done, to what."""
        raise NotImplementedError
