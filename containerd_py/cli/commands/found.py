"""What commands show of many things alike: containers, execs, operations."""

from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Protocol, TypeVar

from pydantic import BaseModel

from containerd_py.cli.commands.each import each
from containerd_py.cli.output import printable, write_line, write_model
from containerd_py.cli.printing import Printer
from containerd_py.cli.templates import Row


class _Identified(Protocol):
    @property
    def id(self) -> str: ...


Found = TypeVar("Found", bound=_Identified)
Detail = TypeVar("Detail", bound=BaseModel)


def list_found(
    printer: Printer,
    found: Sequence[Found],
    row: Callable[[Found], Row],
    table: Callable[[], None],
    *,
    quiet: bool,
) -> None:
    """Print them as a list does; quiet: the ids alone, unless JSON is asked for."""
    if quiet and not printer.as_json:
        for one in found:
            write_line(printable(one.id))
    else:
        printer.all(map(row, found), table)


async def inspect_each(
    printer: Printer, names: Sequence[str], look: Callable[[str], Awaitable[Detail]], row: Callable[[Detail], Row]
) -> int:
    """Print everything about each; those that are not there are told, and the rest is printed all the same."""

    async def one(name: str) -> None:
        told = await look(name)
        printer.one(row(told), partial(write_model, told, indent=2))

    return await each(names, one)
