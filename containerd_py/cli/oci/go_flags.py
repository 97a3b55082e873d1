"""Command lines as Go programs read them, as argparse reads them: `-root DIR`, `--detach=true`, `--detach=false`."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_TRUTHS = dict.fromkeys(("1", "t", "T", "TRUE", "true", "True"), True)
_TRUTHS |= dict.fromkeys(("0", "f", "F", "FALSE", "false", "False"), False)
"""What strconv.ParseBool takes."""


def normalised(actions: Sequence[argparse.Action], arguments: list[str]) -> Iterator[str]:
    """Yield the arguments, options with two dashes and switches without a value.

    What is for another program, behind the first argument that is no option, stays as it is.
    """
    options = {name.lstrip("-"): action for action in actions for name in action.option_strings if len(name) > 1}
    ends = any(action.nargs == argparse.REMAINDER for action in actions)
    rest = iter(arguments)
    for argument in rest:
        name, equals, value = argument.lstrip("-").partition("=")
        dashes = len(argument) - len(argument.lstrip("-"))
        action = options.get(name)
        if argument == "--" or (ends and not dashes):
            yield argument
            break
        if action is None or dashes not in (1, 2) or (dashes == 1 and len(name) == 1 and not equals):
            yield argument
        elif action.nargs == 0 and equals and value in _TRUTHS:
            if _TRUTHS[value]:
                yield _dashed(name)
        else:
            yield _dashed(name) + equals + value
        if action is not None and dashes in (1, 2) and action.nargs != 0 and not equals:
            yield from (value for value in [next(rest, None)] if value is not None)
    yield from rest


def _dashed(name: str) -> str:
    return f"--{name}" if len(name) > 1 else f"-{name}"
