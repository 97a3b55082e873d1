"""version, info, doctor, declared, metrics: the daemon and its host."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import typer

import containerd_py
from containerd_py.cli.output import printable, write_line, write_pairs
from containerd_py.cli.printing import printer_of
from containerd_py.cli.settings import FormatOption, ShortFormatOption, perform

if TYPE_CHECKING:
    from containerd_py.client import Client
    from containerd_py.wire import Declared, Doctor, Info


def register(app: typer.Typer) -> None:
    for command in (version, info, doctor, declared, metrics):
        app.command(command.__name__)(command)


def version(ctx: typer.Context, *, format_: ShortFormatOption = None) -> None:
    """Print the versions of the daemon and of what it runs on."""
    printer = printer_of(ctx, format_)

    async def action(client: "Client") -> None:
        from containerd_py.cli.words import version_row

        told = await client.version()
        printer.one(version_row(told), lambda: write_pairs([("client", containerd_py.__version__), *told]))

    perform(ctx, action)


def info(ctx: typer.Context, *, format_: ShortFormatOption = None) -> None:
    """Print what the daemon knows of itself and of its host."""
    printer = printer_of(ctx, format_)

    async def action(client: "Client") -> None:
        from containerd_py.cli.words import info_row

        told = await client.info()
        printer.one(info_row(told), lambda: write_pairs(_info_pairs(told)))

    perform(ctx, action)


def doctor(ctx: typer.Context, *, format_: FormatOption = None) -> None:
    """Look at the daemon's host: what it can and cannot do, and what helps. Exits with 1 where no container can be run."""
    printer = printer_of(ctx, format_)

    async def action(client: "Client") -> int:
        from containerd_py.cli.templates import Row

        told = await client.doctor()
        printer.one(Row(told), lambda: _write_checks(told))
        return 1 if told.status == "fail" else 0

    perform(ctx, action)


def declared(ctx: typer.Context, *, format_: FormatOption = None) -> None:
    """Show what has come of the files that declare containers. Exits with 1 where one of them is not as it says."""
    printer = printer_of(ctx, format_)

    async def action(client: "Client") -> int:
        from containerd_py.cli.templates import Row

        told = await client.declared()
        printer.one(Row(told), lambda: _write_declared(told))
        return 1 if told.problem is not None or any(one.problem is not None for one in told.files) else 0

    perform(ctx, action)


def _write_declared(told: "Declared") -> None:
    if told.problem is not None:
        write_line(printable(told.problem))
    for one in told.files:
        write_line(f"{printable(one.file)}  {one.status or '-'}  {(one.container or '-')[:12]}")
        if one.problem is not None:
            write_line(f"      {printable(one.problem)}")


def metrics(ctx: typer.Context) -> None:
    """Print what the daemon measures, in the text format of Prometheus."""

    async def action(client: "Client") -> None:
        write_line((await client.metrics()).rstrip("\n"))

    perform(ctx, action)


def _write_checks(told: "Doctor") -> None:
    for check in told.checks:
        write_line(f"{check.status:<4}  {check.name}: {printable(check.found)}")
        write_line(f"      {printable(check.meaning)}")
        if check.hint is not None:
            write_line(f"      -> {printable(check.hint)}")


def _info_pairs(told: "Info") -> Iterator[tuple[str, Any]]:
    for name, value in told:
        if isinstance(value, dict):
            for key, inner in value.items():
                yield f"{name}.{key}", _value_text(inner)
        else:
            yield name, _value_text(value)


def _value_text(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, tuple):
        return " ".join(value)
    return "-" if value is None else str(value)
