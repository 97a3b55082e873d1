"""The options of an argparse parser, as a list of a page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tools.man.roff import Entry

if TYPE_CHECKING:
    from argparse import Action, ArgumentParser


def options_of(parser: ArgumentParser) -> list[Entry]:
    return [
        Entry(_term(one), _help(one))
        for one in _actions(parser)
        if one.option_strings and "--help" not in one.option_strings
    ]


def usage_of(parser: ArgumentParser) -> str:
    """Return the arguments of a command, without its options."""
    return " ".join(_metavar(one) for one in _actions(parser) if not one.option_strings)


def _actions(parser: ArgumentParser) -> list[Action]:
    return parser._actions  # noqa: SLF001  # argparse has no other way to ask what was added


def _term(action: Action) -> str:
    names = ", ".join(sorted(action.option_strings, key=len))
    return names if action.nargs == 0 else f"{names} {_metavar(action)}"


def _metavar(action: Action) -> str:
    text = action.metavar if isinstance(action.metavar, str) else action.dest.upper()
    if action.nargs in ("*", "...", "?"):
        return f"[{text}...]" if action.nargs != "?" else f"[{text}]"
    return text


def _help(action: Action) -> str:
    return (action.help or "").replace("%%", "%")
