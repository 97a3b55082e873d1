"""What is fuzzed: the readers that meet bytes of strangers, a module for each.

Its `check(data, folder)` raises nothing but a finding: errors that a reader documents are let through, and what is right of
all that it returns is asserted. folder: an empty directory, which is left empty or as the next input may find it. A module
imports what it tests alone: atheris takes a while to instrument what is imported.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

TARGETS = (
    *("archives", "http_bodies", "mounts", "notifications", "processes"),
    *("records", "spawner_protocol", "specifications", "users", "web_sockets"),
)


def load(name: str) -> Callable[[bytes, Path], None]:
    check: Callable[[bytes, Path], None] = importlib.import_module(f"{__package__}.{name}").check
    return check
