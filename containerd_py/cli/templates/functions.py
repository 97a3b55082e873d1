"""What a template may call. Each takes its values as they are and raises ValueError or TypeError for what it cannot do."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pydantic import BaseModel
from pydantic_core import to_jsonable_python

from containerd_py.cli.templates.rows import Row

_VERB = re.compile(r"%(-?[0-9]*(?:\.[0-9]+)?)([svdqxft%])")
_LONGEST = 10_000  # a width that is typed wrong must not fill the memory


def text_of(value: Any) -> str:
    """Return a value as Go prints it; what is not there is nothing."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Row):
        return as_json(value)
    if isinstance(value, BaseModel):
        return as_json(value)
    if isinstance(value, Mapping):
        return "map[" + " ".join(f"{key}:{text_of(one)}" for key, one in sorted(value.items())) + "]"
    if isinstance(value, list | tuple):
        return "[" + " ".join(map(text_of, value)) + "]"
    return str(value)


def truth_of(value: Any) -> bool:
    return value if isinstance(value, bool) else isinstance(value, Row | BaseModel) or bool(value)


def as_json(value: Any) -> str:
    """In one line; what a terminal might act on is written as an escape of JSON."""
    plain = to_jsonable_python(value.model if isinstance(value, Row) else value)
    text = json.dumps(plain, ensure_ascii=False, separators=(",", ":"))
    return "".join(one if one.isprintable() else json.dumps(one)[1:-1] for one in text)


def _items(value: Any) -> Sequence[Any]:
    if not isinstance(value, list | tuple):
        raise TypeError(f"{text_of(value)!r} is no list")
    return value


def _index(value: Any, *keys: Any) -> Any:
    for key in keys:
        if isinstance(value, Mapping):
            value = value.get(key)
        elif not isinstance(key, int) or not 0 <= key < len(_items(value)):
            raise ValueError(f"there is no number {text_of(key)}")
        else:
            value = value[key]
    return value


def _equal(first: Any, *others: Any) -> bool:
    return any(first == other for other in others)


def _compared(name: str, first: Any, second: Any) -> bool:
    if isinstance(first, str) != isinstance(second, str):
        raise TypeError(f"{text_of(first)!r} and {text_of(second)!r} cannot be compared")
    return bool({"lt": first < second, "le": first <= second, "gt": first > second, "ge": first >= second}[name])


def _all(*values: Any) -> Any:
    return next((value for value in values if not truth_of(value)), values[-1])


def _any(*values: Any) -> Any:
    return next((value for value in values if truth_of(value)), values[-1])


def _pad(text: Any, before: int, after: int) -> str:
    if max(before, after) > _LONGEST:
        raise ValueError(f"more than {_LONGEST} spaces")
    return " " * before + text_of(text) + " " * after


def _printf(form: str, *values: Any) -> str:
    left = list(values)

    def one(found: re.Match[str]) -> str:
        shape, verb = found[1], found[2]
        if verb == "%":
            return "%"
        if not left:
            raise ValueError("there are fewer values than verbs")
        if any(int(number) > _LONGEST for number in re.findall("[0-9]+", shape)):
            raise ValueError(f"a width above {_LONGEST}")
        value = left.pop(0)
        if verb == "q":
            value, verb = json.dumps(text_of(value), ensure_ascii=False), "s"
        if verb in "svt":
            return f"%{shape}s" % text_of(value)
        return str(f"%{shape}{verb}" % value)

    told = _VERB.sub(one, form)
    if left:
        raise ValueError("there are more values than verbs")
    return told


FUNCTIONS: dict[str, Callable[..., Any]] = {
    "json": as_json,
    "join": lambda values, separator: separator.join(map(text_of, _items(values))),
    "split": lambda text, separator: text_of(text).split(separator),
    "upper": lambda text: text_of(text).upper(),
    "lower": lambda text: text_of(text).lower(),
    "title": lambda text: text_of(text).title(),
    "truncate": lambda text, length: text_of(text)[:length],
    "pad": _pad,
    "len": len,
    "index": _index,
    "slice": lambda value, first, last=None: value[first:last],
    "print": lambda *values: "".join(map(text_of, values)),
    "println": lambda *values: " ".join(map(text_of, values)) + "\n",
    "printf": _printf,
    "eq": _equal,
    "ne": lambda first, second: first != second,
    "lt": lambda first, second: _compared("lt", first, second),
    "le": lambda first, second: _compared("le", first, second),
    "gt": lambda first, second: _compared("gt", first, second),
    "ge": lambda first, second: _compared("ge", first, second),
    "and": _all,
    "or": _any,
    "not": lambda value: not truth_of(value),
}
