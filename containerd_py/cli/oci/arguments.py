"""How a command line is read: as Go's runtimes read theirs, whose callers write `-root DIR` and `--detach=true`.

Options before the command are pyrunc's own, those behind it the command's. argparse would read them otherwise, and takes a
fifth of the time that a whole start of runc does (ADR 25); it writes the help.
"""

from __future__ import annotations

from containerd_py.errors import InvalidArgument

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Sequence
    from typing import Any

REST = "..."
"""What `nargs` is for all that another program is told."""

_TRUTHS = dict.fromkeys(("1", "t", "T", "TRUE", "true", "True"), True)
_TRUTHS |= dict.fromkeys(("0", "f", "F", "FALSE", "false", "False"), False)
"""What strconv.ParseBool takes."""


class UsageError(Exception):
    """The command line is wrong: told with the usage, before anything was made."""

    def __init__(self, message: str, usage: str, *, code: int = 1) -> None:
        super().__init__(message)
        self.message = message
        self.usage = usage
        self.code = code


class Asked(Exception):
    """Nothing is to be done but to print a text."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = text


class Options:
    """The values of one command line, by the names of their options: `--pid-file` is `pid_file`."""

    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any: ...


class _Argument:
    """An option, or an argument by its place. Its parameters are those of argparse's `add_argument`."""

    def __init__(self, names: tuple[str, ...], described: dict[str, Any]) -> None:
        self.names = names
        self.described = described
        self.key = names[0].lstrip("-").replace("-", "_")
        self.action: str = described.get("action", "store")
        self.nargs: str | None = described.get("nargs")
        self.reads: Callable[[str], object] = described.get("type", str)
        self.choices: Sequence[str] = described.get("choices", ())

    @property
    def switch(self) -> bool:
        return self.action in ("store_true", "help")

    def default(self) -> object:
        """A list is the command line's own."""
        default = self.described.get("default", False if self.switch else None)
        return list(default) if isinstance(default, list) else default


class Parser:
    """An option may stand anywhere before what is for another program, with one dash or with two; none is abbreviated."""

    def __init__(self, prog: str, about: str) -> None:
        self.prog = prog
        self.about = about
        self._named: dict[str, _Argument] = {}
        self._placed: list[_Argument] = []
        self._declared: list[_Argument] = []
        self.add_argument("--help", "-h", action="help", help="print this")

    def add_argument(self, *names: str, **described: Any) -> None:
        """Declare an option, or an argument by its place, with parameters of argparse's.

        type, default, choices, metavar, help; action: store, append, store_true; nargs: "?" or REST of arguments by place.
        """
        one = _Argument(names, described)
        self._declared.append(one)
        if names[0].startswith("-"):
            self._named.update((name.lstrip("-"), one) for name in names)
        else:
            self._placed.append(one)

    def switch(self, *names: str, help: str) -> None:  # noqa: A002 - argparse's own name
        self.add_argument(*names, action="store_true", help=help)

    def container(self) -> None:
        self.add_argument("id", metavar="container-id", help="the name of the container")

    def read(self, arguments: list[str]) -> Options:
        """Raises UsageError; Asked where the help is."""
        options = Options()
        options.__dict__.update((one.key, one.default()) for one in self._declared if one.action != "help")
        places = list(self._placed)
        rest = list(arguments)
        while rest:
            if places and places[0].nargs == REST:
                options.__dict__[places[0].key], rest = rest, []
            elif rest[0] == "--":
                self._place(options, places, rest[1:])
                return self._complete(options, places)
            elif rest[0].startswith("-") and rest[0] != "-":
                self._take(options, rest)
            else:
                self._place(options, places, [rest.pop(0)])
        return self._complete(options, places)

    def _take(self, options: Options, rest: list[str]) -> None:
        """Take an option from the front, and what is its value."""
        word = rest.pop(0)
        dashed, equals, value = word.partition("=")
        name = dashed.removeprefix("-").removeprefix("-")
        if not name or name.startswith("-"):
            raise self._wrong(f"bad flag syntax: {word}")
        one = self._named.get(name)
        if one is None:
            raise self._wrong(f"flag provided but not defined: -{name}")
        if one.action == "help":
            raise Asked(self.format_help())
        if one.switch:
            if equals and value not in _TRUTHS:
                raise self._wrong(f"invalid boolean value {value!r} for -{name}: it is true or false")
            options.__dict__[one.key] = _TRUTHS[value] if equals else True
            return
        if not equals:
            if not rest:
                raise self._wrong(f"flag needs an argument: -{name}")
            value = rest.pop(0)
        self._store(options, one, value, f"value of -{name}")

    def _place(self, options: Options, places: list[_Argument], words: list[str]) -> None:
        for word in words:
            if not places:
                raise self._wrong(f"one argument too many: {word!r}")
            if places[0].nargs == REST:
                options.__dict__.setdefault(places[0].key, [])
                options.__dict__[places[0].key] = [*(options.__dict__[places[0].key] or []), word]
            else:
                one = places.pop(0)
                self._store(options, one, word, str(one.described.get("metavar", one.key)))

    def _store(self, options: Options, one: _Argument, word: str, what: str) -> None:
        try:
            value = one.reads(word)
        except ValueError as problem:
            raise self._wrong(f"invalid {what} {word!r}: {problem}") from problem
        if one.choices and value not in one.choices:
            raise self._wrong(f"invalid {what} {word!r}: it is one of {', '.join(one.choices)}")
        if one.action == "append":
            options.__dict__[one.key].append(value)
        else:
            options.__dict__[one.key] = value

    def _complete(self, options: Options, places: list[_Argument]) -> Options:
        for one in places:
            if one.nargs == REST:
                options.__dict__[one.key] = options.__dict__[one.key] or []
            elif one.nargs != "?":
                raise self._wrong(f"{self.prog!r} requires the argument {one.described.get('metavar', one.key)}")
        return options

    def _wrong(self, message: str) -> UsageError:
        return UsageError(message, self.format_usage())

    def format_usage(self) -> str:
        return self.argparse().format_usage()

    def format_help(self) -> str:
        """Begin as the help of Go's runtimes does."""
        return f"NAME:\n   {self.prog} - {self.about}\n\n{self.argparse().format_help()}"

    def argparse(self) -> argparse.ArgumentParser:
        """Return argparse's parser with the same arguments: for help, pages of documentation, and completion."""
        import argparse

        made = argparse.ArgumentParser(prog=self.prog, add_help=False)
        for one in self._declared:
            made.add_argument(*one.names, **one.described)
        return made


def count(text: str) -> int:
    """Read a number of things: 0 or more."""
    if not text.isascii() or not text.isdigit():
        raise ValueError(f"not a number of 0 or more: {text!r}")
    return int(text)


_UNITS = {"": 1, "b": 1, "k": 2**10, "m": 2**20, "g": 2**30, "t": 2**40, "p": 2**50}


def given(text: str) -> str | None:
    """Read a text that is as good as absent where it is empty, as to runc."""
    return text or None


def gids(text: str) -> tuple[int, ...]:
    """Read numbers, between which commas may stand, and of which some may be no group's."""
    return tuple(map(int, text.split(",")))


def size_bytes(text: str) -> int:
    """Read a size as runc does: 512m, 1g, 1.5GiB, or plain bytes; -1 for no limit."""
    if text == "-1":
        return -1
    lower = text.strip().lower().removesuffix("ib") if text.lower().endswith("ib") else text.strip().lower()
    lower = lower.removesuffix("b") if lower[-2:-1] in "kmgtp" else lower
    unit = lower[-1:] if lower[-1:] in _UNITS else ""
    number = lower.removesuffix(unit).strip() if unit else lower
    if not number.isascii() or not number.replace(".", "", 1).isdigit():
        raise ValueError(f"not a size: {text!r}")
    try:
        return int(float(number) * _UNITS[unit]) if "." in number else int(number) * _UNITS[unit]
    except OverflowError:
        raise ValueError(f"too large: {text!r}") from None


def seconds(text: str) -> float:
    """Read a duration as Go programs do: 5s, 100ms, 1m30s. Above 0."""
    import re

    units = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
    one = r"(\d+(?:\.\d*)?)(ns|us|µs|ms|s|m|h)"
    if not re.fullmatch(f"(?:{one})+", text, re.ASCII):
        raise ValueError(f"not a duration such as 5s or 1m30s: {text!r}")
    total = sum(float(number) * units[unit] for number, unit in re.findall(one, text))
    if total <= 0:
        raise ValueError(f"not a duration above 0: {text!r}")
    return float(total)


def integer(text: str, *, what: str) -> int:
    """Read a decimal number. Raises InvalidArgument."""
    if not text.isascii() or not text.isdigit():
        raise InvalidArgument(f"cannot read {what} {text!r}: not a number", step="parse")
    return int(text)
