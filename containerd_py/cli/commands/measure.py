"""stats, top: what containers use, and their processes."""

import asyncio
import contextlib
import datetime
import sys
from collections.abc import AsyncIterator
from typing import Annotated, Any

import typer

from containerd_py.cli.commands.arguments import ContainerArgument, LabelOption, SomeContainersArgument
from containerd_py.cli.figures import PROCESS_COLUMNS, STATS_COLUMNS, process_rows, stats_rows
from containerd_py.cli.output import LiveTable, write_model, write_models, write_table
from containerd_py.cli.settings import FormatOption, perform, wants_json
from containerd_py.client import Client
from containerd_py.wire import StatsRound

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
    as_json = wants_json(ctx, format_)

    async def action(client: Client) -> None:
        rounds = client.all_stats(containers or (), label or (), interval_s=_ONCE_S if no_stream else interval)
        async with contextlib.aclosing(rounds):
            if no_stream:
                await anext(rounds)  # from here on the use of the CPU counts
                _show(await anext(rounds), None, as_json=as_json)
                return
            await _follow(rounds, as_json=as_json)

    perform(ctx, action)


async def _follow(rounds: AsyncIterator[StatsRound], *, as_json: bool) -> None:
    live = None if as_json or not sys.stdout.isatty() else LiveTable()
    with live or contextlib.nullcontext():
        async for measured in rounds:
            _show(measured, live, as_json=as_json)


def _show(measured: StatsRound, live: LiveTable | None, *, as_json: bool) -> None:
    if as_json:
        write_model(measured)
        return
    table: dict[str, Any] = {"elastic": "NAME", "numbers": STATS_COLUMNS[2:]}
    if live is None:
        write_table(STATS_COLUMNS, stats_rows(measured), **table)
    else:
        live.show(STATS_COLUMNS, stats_rows(measured), **table)


def top(
    ctx: typer.Context,
    container: ContainerArgument,
    *,
    watch: Annotated[
        float | None,
        typer.Option("--watch", "-w", min=0.1, metavar="SECONDS", help="Again and again, so long in between."),
    ] = None,
    format_: FormatOption = None,
) -> None:
    """Show the processes of a container, as the host sees them."""
    as_json = wants_json(ctx, format_)

    async def action(client: Client) -> None:
        live = LiveTable() if watch is not None and not as_json and sys.stdout.isatty() else None
        with live or contextlib.nullcontext():
            while True:
                found = await client.top(container)
                rows = process_rows(found, datetime.datetime.now(datetime.UTC))
                table: dict[str, Any] = {"elastic": "COMMAND", "numbers": PROCESS_COLUMNS[:-1]}
                if as_json:
                    write_models(found.processes)
                elif live is not None:
                    live.show(PROCESS_COLUMNS, rows, **table)
                else:
                    write_table(PROCESS_COLUMNS, rows, **table)
                if watch is None:
                    return
                await asyncio.sleep(watch)

    perform(ctx, action)
