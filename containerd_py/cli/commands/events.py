"""events: what happens."""

import contextlib
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from containerd_py.cli.completion.values import event_filters
from containerd_py.cli.filters import event_type, parse_filters
from containerd_py.cli.output import printable, write_line
from containerd_py.cli.printing import printer_of
from containerd_py.cli.settings import FormatOption, perform
from containerd_py.cli.times import moment

if TYPE_CHECKING:
    from containerd_py.client import Client
    from containerd_py.wire import Event

_KEYS = ("type", "event", "container", "label")


def register(app: typer.Typer) -> None:
    app.command("events")(events)


def events(
    ctx: typer.Context,
    *,
    since: Annotated[
        str | None, typer.Option(metavar="TIME", help="From then on: RFC 3339, or 10m ago.", show_default=False)
    ] = None,
    until: Annotated[str | None, typer.Option(metavar="TIME", help="Up to then.", show_default=False)] = None,
    since_id: Annotated[
        int | None, typer.Option(min=0, metavar="SEQ", help="After this event; 0: all that are kept.", show_default=False)
    ] = None,
    filters: Annotated[
        list[str] | None,
        typer.Option(
            "--filter",
            "-f",
            metavar="KEY=VALUE",
            help="Only type=exited, container=NAME, label=K or label=K=V; may be repeated.",
            show_default=False,
            autocompletion=event_filters,
        ),
    ] = None,
    follow: Annotated[bool, typer.Option("--follow/--no-follow", help="Go on as they happen.")] = True,
    format_: FormatOption = None,
) -> None:
    """Print events, one a line: number, time, type, container, what belongs to it, and who asked for it."""
    printer = printer_of(ctx, format_)
    since, until = moment(since, "--since"), moment(until, "--until")

    async def action(client: "Client") -> None:
        from containerd_py.cli.words import event_row

        found = parse_filters(filters or (), _KEYS)
        told = client.events(
            since_id,
            since=since,
            until=until,
            types=[event_type(word) for word in found.get("type", []) + found.get("event", [])],
            containers=found.get("container", []),
            labels=found.get("label", []),
            follow=follow,
            resume=True,
        )
        async with contextlib.aclosing(told):
            async for event in told:
                printer.each(event_row(event), partial(_tell, event))

    perform(ctx, action)


def _tell(event: "Event") -> None:
    write_line(printable(_text(event)))


def _text(event: "Event") -> str:
    words = [str(event.seq), event.time, event.type, event.id or "", event.name or ""]
    words += [f"{name}={value}" for name, value in event.attributes.items()]
    if event.asked_by is not None:
        words.append(f"(by uid={event.asked_by.uid} pid={event.asked_by.pid})")
    return " ".join(word for word in words if word)
