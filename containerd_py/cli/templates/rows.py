"""What a template looks at, and how a field of it is found.

A field of a model is found by its name (`exit_code`) and by Go's spelling of it (`ExitCode`). Beside these a row may have
words: what docker calls the same thing. A word wins where it is written as it stands.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel

_HEADERS = {
    "ID": "CONTAINER ID",
    "RunningFor": "CREATED",
    "CPUPerc": "CPU %",
    "MemPerc": "MEM %",
    "MemUsage": "MEM USAGE / LIMIT",
    "BlockIO": "BLOCK I/O",
    "PIDs": "PIDS",
}


class Struct(dict[str, Any]):
    """Words below a word: its keys are all that there are, unlike those of labels."""


@dataclass(frozen=True, slots=True)
class Row:
    """model: what `json` writes; words: more fields, by docker's names; a function is called with what follows it."""

    model: BaseModel
    words: Mapping[str, Any] = field(default_factory=dict)


class NoSuchField(LookupError):
    """known: the fields that there are; None: what was looked at has no fields."""

    def __init__(self, name: str, known: tuple[str, ...] | None) -> None:
        super().__init__(name)
        self.name = name
        self.known = known


def field_of(value: Any, name: str) -> Any:
    """Return a field; what labels and the like do not have is None, as is a field of what is not there."""
    if value is None:
        return None
    if isinstance(value, Row):
        if name in value.words:
            return value.words[name]
        return _of_model(value.model, name, tuple(value.words))
    if isinstance(value, BaseModel):
        return _of_model(value, name, ())
    if isinstance(value, Struct):
        if name not in value:
            raise NoSuchField(name, tuple(value))
        return value[name]
    if isinstance(value, Mapping):
        return value.get(name)
    raise NoSuchField(name, None)


def header_of(name: str) -> str:
    """Return the heading of a column with that field: "CREATED AT" for "CreatedAt" and "created_at"."""
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", name).replace("_", " ")
    return _HEADERS.get(name) or spaced.upper()


def is_function(value: Any) -> bool:
    return isinstance(value, Callable) and not isinstance(value, type)  # type: ignore[arg-type]  # an ABC, mypy#2922


def _of_model(model: BaseModel, name: str, words: tuple[str, ...]) -> Any:
    names = tuple(type(model).model_fields)
    for one in names:
        if _plain(one) == _plain(name):
            return getattr(model, one)
    raise NoSuchField(name, (*words, *(one for one in names if one not in words)))


def _plain(name: str) -> str:
    return name.replace("_", "").lower()
