"""ps, inspect, timeline: what is known about containers."""

import datetime
from typing import Annotated

import typer

from containerd_py.cli.commands.arguments import ContainerArgument, ContainersArgument, LabelOption
from containerd_py.cli.filters import parse_filters, single
from containerd_py.cli.output import (
    age_text,
    command_text,
    printable,
    status_text,
    write_line,
    write_model,
    write_models,
    write_table,
)
from containerd_py.cli.settings import FormatOption, perform, wants_json
from containerd_py.client import Client
from containerd_py.wire import ContainerSummary, TimedStep

_ID_LENGTH = 12
_FILTERS = ("status", "label", "name", "since", "before")
_ALIVE = ("running", "paused", "restarting")


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
            help="Only those with this status, label, name (a part of it), since or before.",
            show_default=False,
        ),
    ] = None,
    last: Annotated[
        int | None, typer.Option("--last", "-n", min=1, metavar="N", help="The N that were made last, in any state.")
    ] = None,
    sort: Annotated[
        str | None, typer.Option(metavar="KEY", help="By created, started, name or status; with - the other way round.")
    ] = None,
    format_: FormatOption = None,
) -> None:
    """List containers."""

    async def action(client: Client) -> None:
        found = parse_filters(filter_ or (), _FILTERS)
        shown = () if show_all or last is not None else _ALIVE
        containers = await client.containers(
            found.get("status", shown),
            [*(label or ()), *found.get("label", ())],
            names=found.get("name", ()),
            since=single(found, "since"),
            before=single(found, "before"),
            sort="-created" if sort is None and last is not None else sort,
            limit=last,
        )
        if wants_json(ctx, format_):
            write_models(containers)
        elif quiet:
            for container in containers:
                write_line(printable(container.id))
        else:
            _write_containers(containers)

    perform(ctx, action)


def inspect(ctx: typer.Context, containers: ContainersArgument, *, format_: FormatOption = None) -> None:
    """Print everything about containers, as JSON."""
    indent = None if wants_json(ctx, format_) else 2

    async def action(client: Client) -> None:
        for container in containers:
            write_model(await client.container(container), indent=indent)

    perform(ctx, action)


def timeline(ctx: typer.Context, container: ContainerArgument, *, format_: FormatOption = None) -> None:
    """Print how long each step of creating and starting a container took."""

    async def action(client: Client) -> None:
        told = await client.timeline(container)
        if wants_json(ctx, format_):
            write_model(told)
        else:
            _write_steps(told.steps)

    perform(ctx, action)


def _write_containers(containers: tuple[ContainerSummary, ...]) -> None:
    now = datetime.datetime.now(datetime.UTC)
    rows = [
        (
            one.id[:_ID_LENGTH],
            one.name,
            status_text(one),
            "" if one.pid is None else str(one.pid),
            age_text(one.created_at, now),
            command_text(one.args),
        )
        for one in containers
    ]
    write_table(("ID", "NAME", "STATUS", "PID", "CREATED", "COMMAND"), rows, elastic="COMMAND")


def _write_steps(steps: tuple[TimedStep, ...]) -> None:
    headers = ("PHASE", "STEP", "DESCRIPTION", "START µs", "DURATION µs")
    rows = [(one.phase, one.step, one.description, f"{one.start_us:.0f}", f"{one.duration_us:.0f}") for one in steps]
    write_table(headers, rows, elastic="DESCRIPTION", numbers=headers[3:])
