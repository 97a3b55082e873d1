"""Values in GVariant's text format (docs.gtk.org, "GVariant Text Format"), of the types that D-Bus has.

A number without a type is an int32, one with a point a double; "uint64 5" and "@t 5" say another one. Elements of an array
are all of the first one's type. There are no maybe types, which D-Bus does not have.
"""

from __future__ import annotations

import re
from collections import deque

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_KEYWORDS = {
    "boolean": "b",
    "byte": "y",
    "int16": "n",
    "uint16": "q",
    "int32": "i",
    "uint32": "u",
    "int64": "x",
    "uint64": "t",
    "double": "d",
    "string": "s",
    "objectpath": "o",
    "signature": "g",
}
_RANGES = {
    "y": (0, 2**8 - 1),
    "n": (-(2**15), 2**15 - 1),
    "q": (0, 2**16 - 1),
    "i": (-(2**31), 2**31 - 1),
    "u": (0, 2**32 - 1),
    "x": (-(2**63), 2**63 - 1),
    "t": (0, 2**64 - 1),
}
_BASIC = frozenset("bdsog") | _RANGES.keys()
_DEEPEST = 16
_LONGEST_SIGNATURE = 255  # of D-Bus: a bus hangs up on who sends a longer one
_SHOWN = 40
_TOKEN = re.compile(
    r"""\s*(?:
        (?P<bytes>b(?:'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"))
        | (?P<text>'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")
        | (?P<type>@[a-z(){}]+)
        | (?P<number>[-+]?(?:[0-9][0-9a-zA-Z.]*(?:(?<=[eE])[-+][0-9]+)?|\.[0-9]+|inf\b|nan\b))
        | (?P<word>[a-z][a-z0-9]*)
        | (?P<mark>[][()<>{},:])
    )""",
    re.VERBOSE | re.ASCII | re.DOTALL,
)
_ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([0-7]{1,3})|(.))", re.DOTALL)
_LETTERS = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}
_PATH = re.compile(r"/|(?:/[A-Za-z0-9_]+)+", re.ASCII)


class NotAVariant(ValueError):
    """Says what is wrong with a text."""


def parse(text: str) -> tuple[str, Any]:
    """Return signature and value, as jeepney takes them. Raises NotAVariant."""
    tokens = _tokens(text)
    found = _Reader(tokens).value(None, 0)
    _check_length(found[0])
    if tokens:
        raise NotAVariant(f"{tokens[0][1][:_SHOWN]!r} comes after its end")
    return found


def _tokens(text: str) -> deque[tuple[str, str]]:
    found: deque[tuple[str, str]] = deque()
    at, end = 0, len(text.rstrip())
    while at < end:
        token = _TOKEN.match(text, at)
        if token is None:
            raise NotAVariant(f"{text[at:].strip()[:20]!r} is no value")
        found.append((token.lastgroup or "", token[0].strip()))
        at = token.end()
    return found


class _Reader:
    """tokens: what is left; taken from the front."""

    def __init__(self, tokens: deque[tuple[str, str]]) -> None:
        self._tokens = tokens

    def value(self, wanted: str | None, depth: int) -> tuple[str, Any]:
        """Take a value. wanted: its signature, where something before has said so."""
        if depth > _DEEPEST:
            raise NotAVariant("it is nested too deep")
        kind, text = self._next()
        match kind:
            case "type":
                return self._of(wanted, _complete(text[1:]), depth)
            case "word" if text in _KEYWORDS:
                return self._of(wanted, _KEYWORDS[text], depth)
            case "word" if text in ("true", "false"):
                return _expected("b", wanted), text == "true"
            case "number":
                return _number(text, wanted)
            case "text":
                return _text(text, wanted)
            case "bytes":
                return _expected("ay", wanted), _unquoted(text[1:]).encode("latin-1", "replace") + b"\0"
        return self._container(text, wanted, depth)

    def _container(self, mark: str, wanted: str | None, depth: int) -> tuple[str, Any]:
        match mark:
            case "<":
                _expected("v", wanted)
                inner = self.value(None, depth + 1)
                _check_length(inner[0])
                self._take(">")
                return "v", inner
            case "[":
                return self._array(wanted, depth)
            case "(":
                return self._tuple(wanted, depth)
            case "{":
                return self._dictionary(wanted, depth)
        raise NotAVariant(f"{mark[:_SHOWN]!r} is no value")

    def _of(self, wanted: str | None, told: str, depth: int) -> tuple[str, Any]:
        _expected(told, wanted)
        return self.value(told, depth + 1)

    def _array(self, wanted: str | None, depth: int) -> tuple[str, Any]:
        if wanted is not None and (not wanted.startswith("a") or wanted.startswith("a{")):
            raise NotAVariant(f"an array is no {wanted!r}")
        element = None if wanted is None else wanted[1:]
        values: list[Any] = []
        while not self._ends("]", first=not values):
            element, value = self.value(element, depth + 1)
            values.append(value)
        if element is None:
            raise NotAVariant("an empty array needs a type, such as @as []")
        return f"a{element}", bytes(values) if element == "y" else values

    def _tuple(self, wanted: str | None, depth: int) -> tuple[str, Any]:
        rest = None if wanted is None else list(_members(wanted))
        signature = ""
        values: list[Any] = []
        while not self._ends(")", first=not values):
            if rest == []:
                raise NotAVariant(f"a tuple has more values than {wanted!r}")
            told, value = self.value(rest.pop(0) if rest else None, depth + 1)
            signature += told
            values.append(value)
        if rest or not values:
            raise NotAVariant("a tuple has too few values")
        return f"({signature})", tuple(values)

    def _dictionary(self, wanted: str | None, depth: int) -> tuple[str, Any]:
        key, element = None, None
        if wanted is not None:
            if not wanted.startswith("a{"):
                raise NotAVariant(f"a dictionary is no {wanted!r}")
            key, element = wanted[2], wanted[3:-1]
        values: dict[Any, Any] = {}
        while not self._ends("}", first=not values):
            key, name = self.value(key, depth + 1)
            if key not in _BASIC:
                raise NotAVariant("a key is no simple value")
            self._take(":")
            element, value = self.value(element, depth + 1)
            values[name] = value
        if key is None or element is None:
            raise NotAVariant("an empty dictionary needs a type, such as @a{sv} {}")
        return f"a{{{key}{element}}}", values

    def _ends(self, mark: str, *, first: bool) -> bool:
        """Take what closes; else the comma before the next value. A tuple of one has a comma before its end."""
        if not first and not self._is_next(mark):
            self._take(",")
            if mark != ")":
                return False
        if not self._is_next(mark):
            return False
        self._take(mark)
        return True

    def _is_next(self, mark: str) -> bool:
        return bool(self._tokens) and self._tokens[0] == ("mark", mark)

    def _take(self, mark: str) -> None:
        kind, text = self._next()
        if (kind, text) != ("mark", mark):
            raise NotAVariant(f"{mark!r} should come where {text[:_SHOWN]!r} is")

    def _next(self) -> tuple[str, str]:
        if not self._tokens:
            raise NotAVariant("it ends too early")
        return self._tokens.popleft()


def _expected(told: str, wanted: str | None) -> str:
    if wanted not in (None, told):
        raise NotAVariant(f"a value of type {told!r} is none of type {wanted!r}")
    return told


def _check_length(signature: str) -> None:
    if len(signature) > _LONGEST_SIGNATURE:
        raise NotAVariant(f"a type has more than {_LONGEST_SIGNATURE} letters")


def _complete(signature: str) -> str:
    _check_length(signature)
    if list(_split(signature)) != [signature]:
        raise NotAVariant(f"{signature!r} is not one type")
    return signature


def _members(signature: str) -> list[str]:
    if not signature.startswith("("):
        raise NotAVariant(f"a tuple is no {signature!r}")
    return _split(signature[1:-1])


def _split(signature: str) -> list[str]:
    """Return the types that stand one after the other. Raises NotAVariant."""
    found = []
    while signature:
        length = _length(signature, 0)
        found.append(signature[:length])
        signature = signature[length:]
    return found


def _length(signature: str, depth: int) -> int:
    first = signature[:1]
    if first == "v" or first in _BASIC:
        return 1
    if depth <= _DEEPEST:
        if first == "a" and signature[1:2] == "{" and signature[2:3] in _BASIC and signature[2:3]:
            end = 3 + _length(signature[3:], depth + 1)
            if signature[end : end + 1] == "}":
                return end + 1
        elif first == "a" and signature[1:2] != "{":
            return 1 + _length(signature[1:], depth + 1)
        elif first == "(" and signature[1:2] != ")":
            end = 1
            while signature[end : end + 1] != ")":
                end += _length(signature[end:], depth + 1)
            return end + 1
    raise NotAVariant(f"{signature!r} is no type")


def _number(text: str, wanted: str | None) -> tuple[str, int | float]:
    is_real = not re.fullmatch(r"[-+]?(0[xX][0-9a-fA-F]+|[0-9]+)", text, re.ASCII)
    told = wanted or ("d" if is_real else "i")
    if told == "d":
        try:
            return told, float(text)
        except ValueError:
            raise NotAVariant(f"{text[:_SHOWN]!r} is no number") from None
    if is_real or told not in _RANGES:
        raise NotAVariant(f"{text[:_SHOWN]!r} is no value of type {told!r}")
    number = _whole(text)
    least, most = _RANGES[told]
    if not least <= number <= most:
        raise NotAVariant(f"{text[:_SHOWN]} is out of the range of type {told!r}")
    return told, number


def _whole(text: str) -> int:
    """As in C: 0x… is hexadecimal, 0… octal."""
    digits = text.lstrip("+-").lower()
    base = 16 if digits.startswith("0x") else 8 if digits.startswith("0") else 10
    try:
        number = int(digits, base)
    except ValueError:
        raise NotAVariant(f"{text[:_SHOWN]!r} is no number") from None
    return -number if text.startswith("-") else number


def _text(token: str, wanted: str | None) -> tuple[str, str]:
    told, text = wanted or "s", _unquoted(token)
    if told not in ("s", "o", "g"):
        raise NotAVariant(f"a string is no value of type {told!r}")
    if "\0" in text or any("\ud800" <= character <= "\udfff" for character in text):
        raise NotAVariant("a string has a character that D-Bus does not take")
    if told == "o" and not _PATH.fullmatch(text):
        raise NotAVariant(f"{text[:_SHOWN]!r} is no object path")
    if told == "g":
        _check_length(text)
        _split(text)
    return told, text


def _unquoted(token: str) -> str:
    return _ESCAPE.sub(_unescaped, token[1:-1])


def _unescaped(found: re.Match[str]) -> str:
    code = found[1] or found[2]
    if code is not None:
        number = int(code, 16)
        if number > 0x10FFFF:
            raise NotAVariant(f"{found[0]} is no character")
        return chr(number)
    return chr(int(found[3], 8) & 0xFF) if found[3] is not None else _LETTERS.get(found[4], found[4])
