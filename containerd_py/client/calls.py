"""What every part of the client's calls is written with: the connection, and how a query looks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from containerd_py import wire
from containerd_py.client.failures import raise_for_late_error, read_model

if TYPE_CHECKING:
    from containerd_py.client.connection import Connection, Query

BOOLEAN = {True: "true", False: "false"}


class Calls:
    """The base of the parts of `Client`; it owns nothing."""

    _connection: Connection

    async def _end(self, path: str, query: Query = ()) -> wire.Exit:
        """Wait for an end. The head of the answer comes at once; what goes wrong later is told under 200."""
        answer = await self._connection.exchange("POST", path, query)
        raise_for_late_error(answer)
        return read_model(wire.Exit, answer, f"POST {path}")


def given(**values: object) -> dict[str, str]:
    """Return the query of those values that are not None."""
    return {
        name: BOOLEAN[value] if isinstance(value, bool) else str(value)
        for name, value in values.items()
        if value is not None
    }
