"""What every part of the client's calls is written with: the connection, and how paths, choices and lines look."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import TypeAdapter, ValidationError

from containerd_py import wire
from containerd_py.errors import InvalidArgument

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from containerd_py.client.connection import Connection

BOOLEAN = {True: "true", False: "false"}
_IDENTIFIER: TypeAdapter[str] = TypeAdapter(wire.Identifier)


class Calls:
    """The base of the parts of `Client`; it owns nothing."""

    _connection: Connection


def container_path(container: str, action: str = "") -> str:
    """Return "/v1/containers/<container>[/<action>]"; InvalidArgument where it can be no id and no name."""
    return f"/v1/containers/{_identifier(container)}" + (f"/{action}" if action else "")


def exec_path(exec_id: str, action: str = "") -> str:
    """Return "/v1/exec/<id>[/<action>]"; InvalidArgument where it can be no id."""
    return f"/v1/exec/{_identifier(exec_id)}" + (f"/{action}" if action else "")


def given(**values: object) -> dict[str, str]:
    """Return the query of those values that are not None."""
    return {
        name: BOOLEAN[value] if isinstance(value, bool) else str(value)
        for name, value in values.items()
        if value is not None
    }


async def lines_of(chunks: AsyncGenerator[bytes, None]) -> AsyncGenerator[bytes, None]:
    """Yield the lines that are not empty; a last one without its end is not whole, and left out."""
    rest = b""
    async for chunk in chunks:
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            if line.strip():
                yield line


def _identifier(text: str) -> str:
    # Checked here because a URL with "..", "/" or "" in it would name another route.
    try:
        return _IDENTIFIER.validate_python(text)
    except ValidationError as error:
        hint = "letters, digits, '_', '.', '+' and '-', at most 128, the first a letter or a digit"
        raise InvalidArgument(f"cannot look up {text!r}: not an id or a name", step="parse", hint=hint) from error
