"""JSON from outside (SECURITY R19): one document, each key once, bounded depth, nothing that JSON does not have."""

from __future__ import annotations

import json
import math
import re
from typing import Any, NoReturn

from containerd_py.errors import InvalidArgument

DEEPEST = 32
_SURROGATE = re.compile("[\ud800-\udfff]")


def loads(data: bytes, *, what: str) -> Any:
    """Return the value of a document. what: names it in errors. Raises InvalidArgument saying what is wrong, and where."""
    try:
        text = data.decode("utf-8")
        value = json.loads(text, object_pairs_hook=_object, parse_constant=_refuse_constant, parse_float=_float)
    except UnicodeDecodeError as problem:
        raise _refusal(what, f"byte {problem.start} is not UTF-8") from problem
    except json.JSONDecodeError as problem:
        raise _refusal(what, f"{problem.msg} (line {problem.lineno}, column {problem.colno})") from problem
    except RecursionError as problem:
        raise _refusal(what, f"nested deeper than {DEEPEST}") from problem
    except ValueError as problem:
        raise _refusal(what, str(problem)) from problem
    _check(value, 0, what)
    return value


def _refusal(what: str, cause: str) -> InvalidArgument:
    return InvalidArgument(f"cannot parse {what}: {cause}", step="parse")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise ValueError(f"duplicate key {key[:40]!r}")
        found[key] = value
    return found


def _float(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"number {text[:40]} is too large")
    return value


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _check(value: Any, depth: int, what: str) -> None:
    """Refuse depth, lone surrogates and NUL, which no path, argument or name can hold."""
    if isinstance(value, str):
        if _SURROGATE.search(value):
            raise _refusal(what, f"lone surrogate in {value[:40]!r}")
        if "\0" in value:
            raise _refusal(what, f"NUL in {value[:40]!r}")
        return
    if isinstance(value, dict | list) and depth >= DEEPEST:
        raise _refusal(what, f"nested deeper than {DEEPEST}")
    if isinstance(value, dict):
        for key, item in value.items():
            _check(key, depth, what)
            _check(item, depth + 1, what)
    elif isinstance(value, list):
        for item in value:
            _check(item, depth + 1, what)
