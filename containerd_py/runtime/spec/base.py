"""What all models of the specification share."""

from __future__ import annotations

from typing import Annotated, TypeVar

from pydantic import BaseModel, ConfigDict, Field, StringConstraints
from pydantic.alias_generators import to_camel

Item = TypeVar("Item")

Text = Annotated[str, StringConstraints(pattern=r"^[^\x00]*$")]
Many = Annotated[tuple[Item, ...], Field(strict=False)]
"""A JSON array; the items stay strict."""

Id = Annotated[int, Field(ge=0, le=2**31 - 1)]
"""A user or group id (SECURITY R8): strict mode refuses booleans; -1 and 2**32-1 mean something else to the kernel."""

Unsigned = Annotated[int, Field(ge=0, le=2**64 - 1)]
Signed = Annotated[int, Field(ge=-(2**63), le=2**63 - 1)]


class Oci(BaseModel):
    """Strict and frozen; read by the specification's names (camelCase), or by ours from Python."""

    model_config = ConfigDict(
        extra="forbid",
        strict=True,
        frozen=True,
        alias_generator=to_camel,
        validate_by_name=True,
        validate_by_alias=True,
    )
