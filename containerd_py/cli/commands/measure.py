"""stats, top: what containers use, and their processes."""

import contextlib
import datetime
import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from containerd_py.cli.commands.arguments import LabelOption, RunningContainerArgument, SomeContainersArgument
from containerd_py.cli.figures import PROCESS_COLUMNS, STATS_COLUMNS, process_rows, stats_rows
from containerd_py.cli.output import LiveTable, write_model, write_table
from containerd_py.cli.printing import Printer, printer_of
from containerd_py.cli.settings import FormatOption, perform

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from containerd_py.client import Client
    from containerd_py.wire import ProcessList, StatsRound

_ONCE_S = 0.5
"""Without a stream: how long the use of the CPU is measured."""

IntervalOption = Annotated[float, typer.Option("--interval", min=0.1, max=3600, metavar="SECONDS", help="Between two.")]


def register(app: typer.Typer) -> None:
    for name, command in (("stats", stats), ("top", top)):
        app.command(name)(command)


def stats(
    ctx: typer.Context,
    containers: SomeContainersArgument = None,
    *,
    no_stream: Annotated[bool, typer.Option("--no-stream", help="Print it once.")] = False,
    interval: IntervalOption = 1.0,
    label: LabelOption = None,
    format_: FormatOption = None,
) -> None:
    """Show what containers use, all that run unless some are named, until it is interrupted."""
    printer = printer_of(ctx, format_)

    async def action(client: "Client") -> None:
        rounds = client.all_stats(containers or (), label or (), interval_s=_ONCE_S if no_stream else interval)
        async with contextlib.aclosing(rounds):
            if no_stream:
                await anext(rounds)  # from here on the use of the CPU counts
                _show(await anext(rounds), None, printer)
                return
            await _follow(rounds, printer)

    perform(ctx, action)


async def _follow(rounds: "AsyncIterator[StatsRound]", printer: Printer) -> None:
    live = LiveTable() if printer.for_people and sys.stdout.isatty() else None
    with live or contextlib.nullcontext():
        async for measured in rounds:
            _show(measured, live, printer)


def _show(measured: "StatsRound", live: LiveTable | None, printer: Printer) -> None:
    if printer.as_json:
        write_model(measured)
        return
    if printer.template is not None:
        from containerd_py.cli.words import stats_row

        printer.all(map(stats_row, measured.containers), _nothing)
        return
    table: dict[str, Any] = {"elastic": "NAME", "numbers": STATS_COLUMNS[2:]}
    if live is None:
        write_table(STATS_COLUMNS, stats_rows(measured), **table)
    else:
        live.show(STATS_COLUMNS, stats_rows(measured), **table)


def top(
    ctx: typer.Context,
    container: RunningContainerArgument,
    options: Annotated[
        list[str] | None, typer.Argument(metavar="[OPTIONS]", hidden=True, help="Those of ps, which docker takes.")
    ] = None,
    *,
    watch: Annotated[
        float | None,
        typer.Option("--watch", "-w", min=0.1, metavar="SECONDS", help="Again and again, so long in between."),
    ] = None,
    format_: FormatOption = None,
) -> None:
    """Show the processes of a container, as the host sees them."""
    if options:
        cause = "no program is run for this, so that options of ps have no meaning; pick fields with --format"
        raise typer.BadParameter(cause, param_hint=repr(options[0]))
    printer = printer_of(ctx, format_)

    async def action(client: "Client") -> None:
        import asyncio  # here, for the completion's sake

        live = LiveTable() if watch is not None and printer.for_people and sys.stdout.isatty() else None
        with live or contextlib.nullcontext():
            while True:
                _show_processes(await client.top(container), live, printer)
                if watch is None:
                    return
                await asyncio.sleep(watch)

    perform(ctx, action)


def _show_processes(found: "ProcessList", live: LiveTable | None, printer: Printer) -> None:
    from containerd_py.cli.words import process_row

    rows = process_rows(found, datetime.datetime.now(datetime.UTC))
    table: dict[str, Any] = {"elastic": "COMMAND", "numbers": PROCESS_COLUMNS[:-1]}
    if live is not None:
        live.show(PROCESS_COLUMNS, rows, **table)
    else:
        printer.all(map(process_row, found.processes), lambda: write_table(PROCESS_COLUMNS, rows, **table))


def _nothing() -> None:
    """What people see is a table of its own."""
