"""What every part of the client's calls is written with: the connection, and how a query looks."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from containerd_py.client.connection import Connection

BOOLEAN = {True: "true", False: "false"}


class Calls:
    """The base of the parts of `Client`; it owns nothing."""

    _connection: Connection


def given(**values: object) -> dict[str, str]:
    """Return the query of those values that are not None."""
    return {
        name: BOOLEAN[value] if isinstance(value, bool) else str(value)
        for name, value in values.items()
        if value is not None
    }
