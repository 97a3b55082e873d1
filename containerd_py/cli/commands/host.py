"""version, info, doctor, metrics: the daemon and its host."""

from collections.abc import Iterator
from typing import Any

import typer

import containerd_py
from containerd_py.cli.output import printable, write_line, write_model, write_pairs
from containerd_py.cli.settings import FormatOption, perform, wants_json
from containerd_py.client import Client
from containerd_py.wire import Info


def register(app: typer.Typer) -> None:
    for name, command in (("version", version), ("info", info), ("doctor", doctor), ("metrics", metrics)):
        app.command(name)(command)


def version(ctx: typer.Context, *, format_: FormatOption = None) -> None:
    """Print the versions of the daemon and of what it runs on."""

    async def action(client: Client) -> None:
        told = await client.version()
        if wants_json(ctx, format_):
            write_model(told)
        else:
            write_pairs([("client", containerd_py.__version__), *told])

    perform(ctx, action)


def info(ctx: typer.Context, *, format_: FormatOption = None) -> None:
    """Print what the daemon knows of itself and of its host."""

    async def action(client: Client) -> None:
        told = await client.info()
        if wants_json(ctx, format_):
            write_model(told)
        else:
            write_pairs(_info_pairs(told))

    perform(ctx, action)


def doctor(ctx: typer.Context, *, format_: FormatOption = None) -> None:
    """Look at the daemon's host: what it can and cannot do, and what helps. Exits with 1 where no container can be run."""

    async def action(client: Client) -> int:
        told = await client.doctor()
        if wants_json(ctx, format_):
            write_model(told)
        else:
            for check in told.checks:
                write_line(f"{check.status:<4}  {check.name}: {printable(check.found)}")
                write_line(f"      {printable(check.meaning)}")
                if check.hint is not None:
                    write_line(f"      -> {printable(check.hint)}")
        return 1 if told.status == "fail" else 0

    perform(ctx, action)


def metrics(ctx: typer.Context) -> None:
    """Print what the daemon measures, in the text format of Prometheus."""

    async def action(client: Client) -> None:
        write_line((await client.metrics()).rstrip("\n"))

    perform(ctx, action)


def _info_pairs(told: Info) -> Iterator[tuple[str, Any]]:
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
