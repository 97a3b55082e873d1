"""What a check finds."""

from __future__ import annotations

from containerd_py.light.dataclasses import dataclass


@dataclass(frozen=True)
class Problem:
    """path: where in the document; supported: False where it is right, but not served yet."""

    path: str
    message: str
    supported: bool = True
