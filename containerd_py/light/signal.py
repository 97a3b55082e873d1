"""Signals without the price of `signal` at each start of a program (ADR 26).

It makes enumerations of all of them, by `enum`, which takes a twentieth of a start. Here they are numbers.
To be imported as `signal`.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from signal import *  # noqa: F403 - all of them
else:
    from _signal import *  # noqa: F403 - as above
