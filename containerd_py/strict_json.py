"""JSON from outside (SECURITY R19): one document, each key once, bounded depth, nothing that JSON does not have.

What the parser meets before it knows where it is (a key that is there twice, NaN, a number too large) is kept in the
value, as something that no JSON value is; the walk over the whole, which knows the path, refuses it.
"""

from __future__ import annotations

import sys

from containerd_py.errors import InvalidArgument
from containerd_py.light import json
from containerd_py.light.dataclasses import dataclass

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

DEEPEST = 32
_SURROGATE = "[\ud800-\udfff]"
_BITS_OF_A_DIGIT = 3.321928094887362  # log2(10)
_MOST_DIGITS = sys.int_info.default_max_str_digits
_MOST_BITS = int(_MOST_DIGITS * _BITS_OF_A_DIGIT)
_SHOWN = 200


@dataclass(frozen=True)
class _Wrong:
    """Stands for what cannot be a value."""

    cause: str


class _Refused(Exception):
    """A value that is refused. place: the keys and indexes that lead to it, the innermost first."""

    def __init__(self, cause: str) -> None:
        super().__init__(cause)
        self.cause = cause
        self.place: list[str] = []

    def __str__(self) -> str:
        path = ".".join(reversed(self.place)).encode(errors="backslashreplace").decode().replace("\0", "\\x00")
        return f"{path[:_SHOWN]}: {self.cause}" if path else self.cause


def check(value: Any, *, what: str) -> None:
    """Refuse a value that another notation has, and JSON has not. what: names it in errors. Raises InvalidArgument."""
    try:
        _check(value, 0)
    except _Refused as problem:
        raise _refusal(what, str(problem)) from problem


def loads(data: bytes, *, what: str) -> Any:
    """Return the value of a document. what: names it in errors. Raises InvalidArgument saying what is wrong, and where."""
    try:
        text = data.decode("utf-8")
        value = json.loads(
            text, object_pairs_hook=_object, parse_constant=_constant, parse_float=_float, parse_int=_integer
        )
        _check(value, 0)
    except UnicodeDecodeError as problem:
        raise _refusal(what, f"byte {problem.start} is not UTF-8") from problem
    except json.JSONDecodeError as problem:
        raise _refusal(what, f"{problem.msg} (line {problem.lineno}, column {problem.colno})") from problem
    except RecursionError as problem:
        raise _refusal(what, f"nested deeper than {DEEPEST}") from problem
    except _Refused as problem:
        raise _refusal(what, str(problem)) from problem
    return value


def _refusal(what: str, cause: str) -> InvalidArgument:
    return InvalidArgument(f"cannot parse {what}: {cause}", step="parse")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        seen: set[str] = set()
        for key, _value in pairs:
            if key in seen:
                found[key] = _Wrong(f"duplicate key {key[:40]!r}")
                break
            seen.add(key)
    return found


def _float(text: str) -> float | _Wrong:
    value = float(text)
    return value if _is_finite(value) else _Wrong(f"number {text[:40]} is too large")


def _integer(text: str) -> int | _Wrong:
    """Python reads no longer one, for the time that it would take."""
    return int(text) if len(text) <= _MOST_DIGITS else _Wrong(f"number {text[:40]}… is too large")


def _is_finite(value: float) -> bool:
    return value - value == 0


def _constant(name: str) -> _Wrong:
    return _Wrong(f"{name} is not JSON")


def _check(value: Any, depth: int) -> None:
    """Refuse depth, what stands for something wrong, and texts that no path, argument or name can be. Raises _Refused."""
    if isinstance(value, str):
        _check_text(value)
    elif isinstance(value, dict):
        _check_depth(depth)
        for key, item in value.items():
            _check_inside(key, item, depth)
    elif isinstance(value, list):
        _check_depth(depth)
        for index, item in enumerate(value):
            _check_inside(index, item, depth)
    else:
        _check_simple(value)


def _check_simple(value: Any) -> None:
    if type(value) is _Wrong:
        raise _Refused(value.cause)
    if isinstance(value, float) and not _is_finite(value):
        raise _Refused(f"{value} is not JSON")
    if isinstance(value, int) and value.bit_length() > _MOST_BITS:
        raise _Refused("number is too large")
    if value is not None and not isinstance(value, float | int):
        raise _Refused(f"a {type(value).__name__} is not JSON")


def _check_inside(key: str | int, item: Any, depth: int) -> None:
    try:
        _check(key, depth)
        _check(item, depth + 1)
    except _Refused as problem:
        problem.place.append(str(key))
        raise


def _check_depth(depth: int) -> None:
    if depth >= DEEPEST:
        raise _Refused(f"nested deeper than {DEEPEST}")


def _check_text(text: str) -> None:
    if not text.isascii():
        import re  # here: few texts need it

        if re.search(_SURROGATE, text):
            raise _Refused(f"lone surrogate in {text[:40]!r}")
    if "\0" in text:
        raise _Refused(f"NUL in {text[:40]!r}")
