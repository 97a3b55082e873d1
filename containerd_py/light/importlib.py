"""`importlib.import_module` without the import of `importlib`, which imports `warnings` (ADR 26)."""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from importlib import import_module
else:

    def import_module(name):
        """Import a module by its whole name, and return it."""
        __import__(name)
        return sys.modules[name]


__all__ = ["import_module"]
