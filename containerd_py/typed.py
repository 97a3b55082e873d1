"""Those names of `typing` that are there when a program runs, without the milliseconds that importing it costs (ADR 25).

What only annotations name is imported from `typing` itself, in a block that no program runs: `TYPE_CHECKING` is known to
checkers of types by its name, wherever it is from.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Protocol as Protocol
    from typing import cast as cast
    from typing import dataclass_transform as dataclass_transform
else:
    Protocol = object

    def cast(_kind: object, value: object) -> object:
        return value

    def dataclass_transform(**_options: object) -> object:
        return lambda one: one
