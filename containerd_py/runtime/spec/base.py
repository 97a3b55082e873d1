"""What all models of the specification share."""

from __future__ import annotations

from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationInfo, model_validator
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
    """Strict and frozen; read by the specification's names (camelCase), or by ours from Python.

    With a list as context a document is read as Go's runtimes do, and as the specification asks ("Extensibility"): what
    it does not have is left out, and put into the list; names may differ in case; null is as good as absent, and so is
    an empty text where absence means something.
    """

    model_config = ConfigDict(
        extra="forbid",
        strict=True,
        frozen=True,
        alias_generator=to_camel,
        validate_by_name=True,
        validate_by_alias=True,
    )

    @model_validator(mode="before")
    @classmethod
    def _leave_out(cls, value: Any, info: ValidationInfo) -> Any:
        if not isinstance(info.context, list) or not isinstance(value, dict):
            return value
        return cls._known({key: member for key, member in value.items() if member is not None}, info.context)

    @classmethod
    def _known(cls, given: dict[str, Any], ignored: list[str]) -> dict[str, Any]:
        """Return what this part of the specification has, by its own names."""
        fields = {field.alias or name: field for name, field in cls.model_fields.items()}
        names = list(fields)
        found = {name: given.pop(name) for name in names if name in given}
        lower = {name.lower(): name for name in names}
        for key, member in given.items():
            if (name := lower.get(key.lower())) is None:
                ignored.append(f"unknown property {key!r} ({cls.__name__})")
            else:
                found.setdefault(name, member)
        absent = {name for name, member in found.items() if member == "" and fields[name].default is None}
        return {name: member for name, member in found.items() if name not in absent}
