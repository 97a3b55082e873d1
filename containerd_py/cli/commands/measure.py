"""stats, top: what containers use, and their processes."""

import contextlib
import datetime
import sys
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any

import typer

from containerd_py.cli.commands.arguments import LabelOption, RunningContainerArgument, SomeContainersArgument
from containerd_py.cli.figures import (
    LIVE_COLUMNS,
    PROCESS_COLUMNS,
    STATS_COLUMNS,
    LiveProcesses,
    process_rows,
    stats_rows,
)
from containerd_py.cli.output import write_model
from containerd_py.cli.printing import Printer, printer_of
from containerd_py.cli.settings import FormatOption, perform
from containerd_py.cli.tables import LiveTable, write_table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from containerd_py.client import Client
    from containerd_py.wire import ContainerSummary, ProcessList, StatsRound

_ONCE_S = 0.5
"""Without a stream: how long the use of the CPU is measured."""
_IDLE = ("creating", "created", "stopped")

IntervalOption = Annotated[float, typer.Option("--interval", min=0.1, max=3600, metavar="SECONDS", help="Between two.")]


def register(app: typer.Typer) -> None:
    app.command("stats")(stats)
    # Options of ps become arguments, which are refused with the reason.
    app.command("top", context_settings={"ignore_unknown_options": True})(top)


def stats(
    ctx: typer.Context,
    containers: SomeContainersArgument = None,
    *,
    show_all: Annotated[bool, typer.Option("--all", "-a", help="Those that do not run, too, without figures.")] = False,
    no_stream: Annotated[bool, typer.Option("--no-stream", help="Print it once.")] = False,
    no_trunc: Annotated[bool, typer.Option("--no-trunc", help="Whole ids.")] = False,
    interval: IntervalOption = 1.0,
    label: LabelOption = None,
    format_: FormatOption = None,
) -> None:
    """Show what containers use, all that run unless some are named, until it is interrupted."""
    printer = printer_of(ctx, format_)
    if show_all and not printer.for_people:
        raise typer.BadParameter("what does not run has no figures: it goes with a table", param_hint="--all")

    async def idle(client: "Client") -> "Sequence[ContainerSummary]":
        if not printer.for_people or not (show_all or containers):
            return ()
        return [one for one in await client.containers(_IDLE, label or ()) if _is_named(one, containers or ())]

    async def action(client: "Client") -> None:
        rounds = client.all_stats(containers or (), label or (), interval_s=_ONCE_S if no_stream else interval)
        async with contextlib.aclosing(rounds):
            if no_stream:
                await anext(rounds)  # from here on the use of the CPU counts
                _show(await anext(rounds), await idle(client), None, printer, whole=no_trunc)
                return
            with _live_table(printer) as live:
                async for measured in rounds:
                    _show(measured, await idle(client), live, printer, whole=no_trunc)

    perform(ctx, action)


def _is_named(one: "ContainerSummary", names: "Sequence[str]") -> bool:
    return not names or any(one.name == name or one.id.startswith(name) for name in names)


@contextlib.contextmanager
def _live_table(printer: Printer) -> Iterator[LiveTable | None]:
    """Where it is for people at a terminal."""
    from containerd_py.cli.signals import left_in_order

    if not printer.for_people or not sys.stdout.isatty():
        yield None
        return
    with left_in_order(), LiveTable() as live:
        yield live


def _show(
    measured: "StatsRound",
    idle: "Sequence[ContainerSummary]",
    live: LiveTable | None,
    printer: Printer,
    *,
    whole: bool,
) -> None:
    if printer.as_json:
        write_model(measured)
        return
    if printer.template is not None:
        from containerd_py.cli.words import stats_row

        printer.all((stats_row(one, whole=whole) for one in measured.containers), _nothing)
        return
    table: dict[str, Any] = {"elastic": "NAME", "numbers": STATS_COLUMNS[2:]}
    show = write_table if live is None else live.show
    show(STATS_COLUMNS, stats_rows(measured, idle, whole=whole), **table)


def top(
    ctx: typer.Context,
    container: RunningContainerArgument,
    options: Annotated[
        list[str] | None, typer.Argument(metavar="[OPTIONS]", hidden=True, help="Those of ps, which docker takes.")
    ] = None,
    *,
    watch: Annotated[
        float | None,
        typer.Option(
            "--watch", "-w", min=0.1, metavar="SECONDS", help="Again and again, so long in between, as top(1) does."
        ),
    ] = None,
    format_: FormatOption = None,
) -> None:
    """Show the processes of a container, as the host sees them."""
    if options:
        cause = "no program is run for this, so that options of ps have no meaning; pick fields with --format"
        raise typer.BadParameter(cause, param_hint=repr(options[0]))
    printer = printer_of(ctx, format_)

    async def action(client: "Client") -> None:
        if watch is None:
            _show_processes(await client.top(container), printer)
        else:
            await _watch(client, container, watch, printer)

    perform(ctx, action)


async def _watch(client: "Client", container: str, interval_s: float, printer: Printer) -> None:
    """Raises Conflict where it ends."""
    import asyncio  # here, for the completion's sake

    processes = LiveProcesses()
    table: dict[str, Any] = {"elastic": "COMMAND", "numbers": LIVE_COLUMNS[:-1]}
    with _live_table(printer) as live:
        while True:
            found, at_s = await client.top(container), time.monotonic()
            if printer.for_people:
                heading, rows = processes.next(found, datetime.datetime.now(datetime.UTC), at_s)
                if live is None:
                    write_table(LIVE_COLUMNS, rows, **table)
                else:
                    live.show(LIVE_COLUMNS, rows, heading=f"{container}: {heading}", **table)
            else:
                _show_processes(found, printer)
            await asyncio.sleep(interval_s)


def _show_processes(found: "ProcessList", printer: Printer) -> None:
    from containerd_py.cli.words import process_row

    rows = process_rows(found, datetime.datetime.now(datetime.UTC))
    table: dict[str, Any] = {"elastic": "COMMAND", "numbers": PROCESS_COLUMNS[:-1]}
    printer.all(map(process_row, found.processes), lambda: write_table(PROCESS_COLUMNS, rows, **table))


def _nothing() -> None:
    """What people see is a table of its own."""
