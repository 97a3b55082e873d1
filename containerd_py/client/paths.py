"""Paths of routes: an id or a name is checked before it becomes a part of one."""

from __future__ import annotations

from pydantic import TypeAdapter, ValidationError

from containerd_py import wire
from containerd_py.errors import InvalidArgument

_IDENTIFIER: TypeAdapter[str] = TypeAdapter(wire.Identifier)


def exec_path(exec_id: str, action: str = "") -> str:
    return f"/v1/exec/{_identifier(exec_id)}" + (f"/{action}" if action else "")


def operation_path(operation_id: str, action: str = "") -> str:
    return f"/v1/operations/{_identifier(operation_id)}" + (f"/{action}" if action else "")


def container_path(container: str, action: str = "") -> str:
    return f"/v1/containers/{_identifier(container)}" + (f"/{action}" if action else "")


def _identifier(text: str) -> str:
    # Checked here because a URL with "..", "/" or "" in it would name another route.
    try:
        return _IDENTIFIER.validate_python(text)
    except ValidationError as error:
        hint = "letters, digits, '_', '.', '+' and '-', at most 128, the first a letter or a digit"
        raise InvalidArgument(f"cannot look up {text!r}: not an id or a name", step="parse", hint=hint) from error
