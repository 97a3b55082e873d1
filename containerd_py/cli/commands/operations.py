"""operations: actions that go on without the one who asked, after they were begun with --no-block."""

from typing import TYPE_CHECKING, Annotated

import typer

from containerd_py.cli.commands.each import each
from containerd_py.cli.complaints import complain
from containerd_py.cli.completion.values import operation_ids
from containerd_py.cli.output import age_text, printable, write_line
from containerd_py.cli.printing import printer_of
from containerd_py.cli.settings import FormatOption, ShortFormatOption, perform
from containerd_py.cli.tables import write_table

if TYPE_CHECKING:
    from containerd_py.client import Client
    from containerd_py.wire import Operation

OperationsArgument = Annotated[
    list[str], typer.Argument(metavar="OPERATION...", help="Ids of operations.", autocompletion=operation_ids)
]


def register(app: typer.Typer) -> None:
    about = "What was begun with --no-block, and what others have under way: list it, look at it, wait for it."
    group = typer.Typer(help=about, no_args_is_help=True)
    for command in (ls, inspect, wait):
        group.command(command.__name__)(command)
    app.add_typer(group, name="operations")


def ls(
    ctx: typer.Context,
    *,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Only the ids.")] = False,
    format_: FormatOption = None,
) -> None:
    """List actions that are under way, and the last ones that have ended."""
    printer = printer_of(ctx, format_)

    async def action(client: "Client") -> None:
        from containerd_py.cli.commands.found import list_found
        from containerd_py.cli.templates import Row

        found = await client.operations()
        list_found(printer, found, Row, lambda: _write_operations(found), quiet=quiet)

    perform(ctx, action)


def inspect(ctx: typer.Context, operations: OperationsArgument, *, format_: ShortFormatOption = None) -> None:
    """Print everything about operations, as JSON."""
    printer = printer_of(ctx, format_)

    async def action(client: "Client") -> int:
        from containerd_py.cli.commands.found import inspect_each
        from containerd_py.cli.templates import Row

        return await inspect_each(printer, operations, client.operation, Row)

    perform(ctx, action)


def wait(ctx: typer.Context, operations: OperationsArgument, *, format_: FormatOption = None) -> None:
    """Wait until operations have ended, and print how; fail where one of them has failed."""
    printer = printer_of(ctx, format_)

    async def action(client: "Client") -> int:
        from containerd_py.cli.templates import Row

        failed = []

        async def one(operation: str) -> None:
            told = await client.operation_wait(operation)
            printer.one(Row(told), lambda: write_line(told.status))
            if told.error is not None:
                failed.append(operation)
                complain(told.error.message, told.error.hint)

        return await each(operations, one) or int(bool(failed))

    perform(ctx, action)


def _write_operations(found: "tuple[Operation, ...]") -> None:
    import datetime

    now = datetime.datetime.now(datetime.UTC)
    rows = [
        (one.id, one.action, printable(one.container_name or ""), one.status, age_text(one.started_at, now))
        for one in found
    ]
    write_table(("OPERATION", "ACTION", "CONTAINER", "STATUS", "BEGUN"), rows, elastic=None)
