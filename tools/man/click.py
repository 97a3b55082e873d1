"""pyctr's commands as sections of a page. They are read as click shows them, whichever copy of it typer brought."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tools.man.roff import Entry, entries, paragraphs, subsection

if TYPE_CHECKING:
    from collections.abc import Iterator


def options_of(command: Any) -> list[Entry]:
    """Return its options, without --help."""
    own = [one for one in command.params if one.param_type_name == "option" and not getattr(one, "hidden", False)]
    return [Entry(_term(one), one.help or "") for one in own if "--help" not in one.opts]


def sections_of(command: Any, path: str, known: tuple[Any, ...] = ()) -> Iterator[str]:
    """Yield a subsection for the command, or for each of its own. known: what they do is told elsewhere, by other names."""
    if not hasattr(command, "commands"):
        yield from _section(command, path)
        return
    own = {name: inner for name, inner in command.commands.items() if not getattr(inner, "hidden", False)}
    if known and all(_does(inner) in known for inner in own.values()):
        yield subsection(f"{path} COMMAND")
        yield from paragraphs(f"{command.help}\n\nThese are {', '.join(sorted(own))}.")
        return
    told = tuple(_does(inner) for inner in own.values() if not hasattr(inner, "commands"))
    for name, inner in own.items():
        yield from sections_of(inner, f"{path} {name}", told)


def _does(command: Any) -> Any:
    """Return the function behind it: typer wraps it anew for each name."""
    return getattr(command.callback, "__wrapped__", command.callback)


def _section(command: Any, path: str) -> Iterator[str]:
    yield subsection(f"{path} {_usage(command)}".rstrip())
    yield from paragraphs(command.help or "")
    yield from entries(options_of(command))


def _usage(command: Any) -> str:
    arguments = [_metavar(one) for one in command.params if one.param_type_name == "argument" and not one.hidden]
    return " ".join((["[OPTIONS]"] if options_of(command) else []) + arguments)


def _metavar(argument: Any) -> str:
    text: str = argument.metavar or argument.name.upper()
    return text if argument.required or text.startswith("[") else f"[{text}]"


def _term(option: Any) -> str:
    names = ", ".join(sorted([*option.opts, *option.secondary_opts], key=len))
    if option.is_flag:
        return names
    return f"{names} {option.metavar or option.name.rstrip('_').upper()}"
