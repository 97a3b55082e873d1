"""ps, inspect, timeline: what is known about containers."""

import datetime
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from containerd_py.cli.commands.arguments import ContainerArgument, ContainersArgument, LabelOption
from containerd_py.cli.completion.values import choices, container_filters
from containerd_py.cli.filters import MATCHED, matcher, parse_filters, single
from containerd_py.cli.output import (
    age_text,
    command_text,
    status_text,
)
from containerd_py.cli.printing import printer_of
from containerd_py.cli.settings import FormatOption, ShortFormatOption, perform
from containerd_py.cli.tables import write_table

if TYPE_CHECKING:
    from containerd_py.client import Client
    from containerd_py.wire import ContainerSummary, Timeline

_ID_LENGTH = 12
_FILTERS = ("status", "health", "label", "name", "since", "before", *MATCHED)
_ALIVE = ("running", "paused", "restarting")
_SORTS = tuple(sign + key for key in ("created", "started", "name", "status") for sign in ("", "-"))

SortOption = Annotated[
    str | None,
    typer.Option(
        "--sort",
        metavar="KEY",
        help="By created, started, name or status; with - the other way round.",
        autocompletion=choices(*_SORTS),
    ),
]


def register(app: typer.Typer) -> None:
    for name, command in (("ps", ps), ("inspect", inspect), ("timeline", timeline)):
        app.command(name)(command)


def ps(
    ctx: typer.Context,
    *,
    show_all: Annotated[bool, typer.Option("--all", "-a", help="Those that do not run, too.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Only the ids, whole.")] = False,
    label: LabelOption = None,
    filter_: Annotated[
        list[str] | None,
        typer.Option(
            "--filter",
            "-f",
            metavar="KEY=VALUE",
            help="Only those with this status, health, label, name (a part of it), id, exited (a code), since or before.",
            show_default=False,
            autocompletion=container_filters,
        ),
    ] = None,
    last: Annotated[
        int | None, typer.Option("--last", "-n", min=1, metavar="N", help="The N that were made last, in any state.")
    ] = None,
    latest: Annotated[bool, typer.Option("--latest", "-l", help="The one that was made last, in any state.")] = False,
    no_trunc: Annotated[bool, typer.Option("--no-trunc", help="Whole ids and whole commands.")] = False,
    sort: SortOption = None,
    format_: FormatOption = None,
) -> None:
    """List containers."""
    printer = printer_of(ctx, format_)
    limit = 1 if latest else last

    async def action(client: "Client") -> None:
        from containerd_py.cli.commands.found import list_found
        from containerd_py.cli.words import container_row

        found = parse_filters(filter_ or (), _FILTERS)
        matches = matcher(found)
        shown = () if show_all or limit is not None or "exited" in found else _ALIVE
        containers = await client.containers(
            found.get("status", shown),
            [*(label or ()), *found.get("label", ())],
            names=found.get("name", ()),
            health=found.get("health", ()),
            since=single(found, "since"),
            before=single(found, "before"),
            sort="-created" if sort is None and limit is not None else sort,
            limit=limit if matches is None else None,
        )
        if matches is not None:
            containers = tuple(filter(matches, containers))[:limit]
        row, table = partial(container_row, whole=no_trunc), partial(_write_containers, containers, whole=no_trunc)
        list_found(printer, containers, row, table, quiet=quiet)

    perform(ctx, action)


def inspect(ctx: typer.Context, containers: ContainersArgument, *, format_: ShortFormatOption = None) -> None:
    """Print everything about containers, as JSON."""
    printer = printer_of(ctx, format_)

    async def action(client: "Client") -> int:
        from containerd_py.cli.commands.found import inspect_each
        from containerd_py.cli.words import detail_row

        return await inspect_each(printer, containers, client.container, detail_row)

    perform(ctx, action)


def timeline(
    ctx: typer.Context,
    container: ContainerArgument,
    *,
    output: Annotated[
        str | None,
        typer.Option("--output", "-o", metavar="FILE.svg", help="Draw it into this file, as SVG.", show_default=False),
    ] = None,
    format_: FormatOption = None,
) -> None:
    """Show how long each step of creating and starting a container took, as bars at a terminal or as a picture."""
    printer = printer_of(ctx, format_)

    async def action(client: "Client") -> None:
        from containerd_py.cli.templates import Row

        told = await client.timeline(container)
        if output is not None:
            await _draw(client, container, told, output)
            return
        printer.one(Row(told), lambda: _write_bars(told))

    perform(ctx, action)


async def _draw(client: "Client", container: str, told: "Timeline", path: str) -> None:
    from containerd_py.cli.chart.picture import draw, save

    name = (await client.container(container)).name
    save(path, draw(told.steps, title=f"How {name} was started"))


def _write_bars(told: "Timeline") -> None:
    from containerd_py.cli.chart.bars import write_bars

    write_bars(told.steps)


def _write_containers(containers: "tuple[ContainerSummary, ...]", *, whole: bool) -> None:
    now = datetime.datetime.now(datetime.UTC)
    rows = [
        (
            one.id if whole else one.id[:_ID_LENGTH],
            one.name,
            status_text(one),
            "" if one.pid is None else str(one.pid),
            age_text(one.created_at, now),
            command_text(one.args),
        )
        for one in containers
    ]
    write_table(("ID", "NAME", "STATUS", "PID", "CREATED", "COMMAND"), rows, elastic=None if whole else "COMMAND")
