"""What all models share, and the words of more than one subject."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    StringConstraints,
    model_serializer,
)

from containerd_py.signal_names import signal_number

IDENTIFIER_PATTERN = r"^[a-zA-Z0-9][a-zA-Z0-9_.+-]{0,127}$"


def _without_parent_reference(value: str) -> str:
    if ".." in value:
        raise ValueError("must not contain '..'")
    return value


def _known_signal(value: str) -> str:
    if signal_number(value) is None:
        raise ValueError("no such signal")
    return value


Identifier = Annotated[str, StringConstraints(pattern=IDENTIFIER_PATTERN), AfterValidator(_without_parent_reference)]
"""An id or a name of a container (SECURITY R20): it becomes a file name and a cgroup name."""

Text = Annotated[str, StringConstraints(pattern=r"^[^\x00]*$")]
AbsolutePath = Annotated[str, StringConstraints(pattern=r"^/[^\x00]*$", max_length=4095)]
Strings = Annotated[tuple[Text, ...], Field(strict=False)]
Signal = Annotated[str, StringConstraints(min_length=1), AfterValidator(_known_signal)]
"""A signal by its name, with or without "SIG", or its number."""


class Wire(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class ErrorBody(Wire):
    """Keys that do not apply are left out, wherever it stands."""

    kind: str
    message: str
    step: str | None = None
    errno: str | None = None
    hint: str | None = None

    @model_serializer(mode="wrap")
    def _without_what_does_not_apply(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return {name: value for name, value in write(self).items() if value is not None}
