"""How a command line is read: options before the command are pyrunc's own, those behind it the command's."""

from __future__ import annotations

import argparse
from typing import NoReturn

from containerd_py.cli.oci.go_flags import normalised
from containerd_py.errors import InvalidArgument


class UsageError(Exception):
    """The command line is wrong: told with the usage, before anything was made."""

    def __init__(self, message: str, usage: str, *, code: int = 1) -> None:
        super().__init__(message)
        self.message = message
        self.usage = usage
        self.code = code


class Parser(argparse.ArgumentParser):
    """Options are never abbreviated, and a wrong one is a UsageError instead of the end of the process."""

    def __init__(self, prog: str, description: str) -> None:
        super().__init__(prog=prog, allow_abbrev=False, add_help=False)
        self.add_argument("--help", "-h", action="help", help="print this")
        self._about = description

    def format_help(self) -> str:
        """Begin as the help of Go's runtimes does."""
        return f"NAME:\n   {self.prog} - {self._about}\n\n{super().format_help()}"

    def error(self, message: str) -> NoReturn:
        raise UsageError(message, self.format_usage())

    def read(self, arguments: list[str]) -> argparse.Namespace:
        """Options may stand behind the container's id, unless all that stands there is another program's."""
        arguments = list(normalised(self._actions, arguments))
        if any(action.nargs == argparse.REMAINDER for action in self._actions):
            return self.parse_args(arguments)
        return self.parse_intermixed_args(arguments)

    def switch(self, *names: str, help: str) -> None:  # noqa: A002 - argparse's own name
        self.add_argument(*names, action="store_true", help=help)

    def container(self) -> None:
        self.add_argument("id", metavar="container-id", help="the name of the container")


def count(text: str) -> int:
    """Read a number of things: 0 or more."""
    if not text.isascii() or not text.isdigit():
        raise argparse.ArgumentTypeError(f"not a number of 0 or more: {text!r}")
    return int(text)


_UNITS = {"": 1, "b": 1, "k": 2**10, "m": 2**20, "g": 2**30, "t": 2**40, "p": 2**50}


def size_bytes(text: str) -> int:
    """Read a size as runc does: 512m, 1g, 1.5GiB, or plain bytes; -1 for no limit."""
    if text == "-1":
        return -1
    lower = text.strip().lower().removesuffix("ib") if text.lower().endswith("ib") else text.strip().lower()
    lower = lower.removesuffix("b") if lower[-2:-1] in "kmgtp" else lower
    unit = lower[-1:] if lower[-1:] in _UNITS else ""
    number = lower.removesuffix(unit).strip() if unit else lower
    if not number.isascii() or not number.replace(".", "", 1).isdigit():
        raise argparse.ArgumentTypeError(f"not a size: {text!r}")
    return int(float(number) * _UNITS[unit]) if "." in number else int(number) * _UNITS[unit]


def seconds(text: str) -> float:
    """Read a duration as Go programs do: 5s, 100ms, 1m30s. Above 0."""
    import re

    units = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
    one = r"(\d+(?:\.\d*)?)(ns|us|µs|ms|s|m|h)"
    if not re.fullmatch(f"(?:{one})+", text, re.ASCII):
        raise argparse.ArgumentTypeError(f"not a duration such as 5s or 1m30s: {text!r}")
    total = sum(float(number) * units[unit] for number, unit in re.findall(one, text))
    if total <= 0:
        raise argparse.ArgumentTypeError(f"not a duration above 0: {text!r}")
    return float(total)


def integer(text: str, *, what: str) -> int:
    """Read a decimal number. Raises InvalidArgument."""
    if not text.isascii() or not text.isdigit():
        raise InvalidArgument(f"cannot read {what} {text!r}: not a number", step="parse")
    return int(text)
