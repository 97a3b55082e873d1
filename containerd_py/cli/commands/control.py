"""restart, pause, unpause, rename, update, prune: what is done to containers that exist."""

import os
from collections.abc import Awaitable, Callable
from typing import Annotated, Any

import typer

from containerd_py.cli.commands.arguments import (
    ContainerArgument,
    ContainersArgument,
    FilterOption,
    StopSignalOption,
    TimeoutOption,
)
from containerd_py.cli.commands.each import each, tell
from containerd_py.cli.complaints import complain
from containerd_py.cli.filters import parse_filters
from containerd_py.cli.output import write_model
from containerd_py.cli.requests import build_update
from containerd_py.cli.settings import FormatOption, perform, wants_json
from containerd_py.client import Client
from containerd_py.errors import InvalidArgument


def register(app: typer.Typer) -> None:
    for name, command in _COMMANDS.items():
        app.command(name)(command)
    app.command("resume", help="Let paused containers go on, as `unpause` does.")(unpause)


def restart(
    ctx: typer.Context,
    containers: ContainersArgument,
    *,
    timeout: TimeoutOption = None,
    signal: StopSignalOption = None,
    format_: FormatOption = None,
) -> None:
    """Stop containers where they run, and start them again."""

    async def act(client: Client, container: str) -> None:
        await client.restart(container, timeout, signal)

    _simple(ctx, containers, act, as_json=wants_json(ctx, format_))


def pause(ctx: typer.Context, containers: ContainersArgument, *, format_: FormatOption = None) -> None:
    """Stop every process of containers where it stands."""
    _simple(ctx, containers, Client.pause, as_json=wants_json(ctx, format_))


def unpause(ctx: typer.Context, containers: ContainersArgument, *, format_: FormatOption = None) -> None:
    """Let paused containers go on."""
    _simple(ctx, containers, Client.resume, as_json=wants_json(ctx, format_))


def rename(
    ctx: typer.Context,
    container: ContainerArgument,
    name: Annotated[str, typer.Argument(metavar="NAME", help="The new name.")],
    *,
    format_: FormatOption = None,
) -> None:
    """Give a container another name."""
    as_json = wants_json(ctx, format_)

    async def action(client: Client) -> None:
        await client.rename(container, name)
        tell(name, as_json=as_json)

    perform(ctx, action)


def update(
    ctx: typer.Context,
    containers: ContainersArgument,
    *,
    memory: Annotated[str | None, typer.Option(metavar="SIZE", help="Memory: 64m, 1g, bytes; -1: no limit.")] = None,
    cpus: Annotated[float | None, typer.Option(metavar="N", help="CPUs: 0.5, 2; -1: no limit.")] = None,
    pids_limit: Annotated[
        int | None, typer.Option("--pids-limit", metavar="N", help="Processes at most; -1: no limit.")
    ] = None,
    restart: Annotated[
        str | None, typer.Option(metavar="POLICY", help="no, on-failure[:N], always, unless-stopped.")
    ] = None,
    format_: FormatOption = None,
) -> None:
    """Change limits, at once where they run, and restart policies."""

    async def act(client: Client, container: str) -> None:
        await client.update(container, build_update(memory, cpus, pids_limit, restart))

    _simple(ctx, containers, act, as_json=wants_json(ctx, format_))


def prune(
    ctx: typer.Context,
    *,
    force: Annotated[bool, typer.Option("--force", "-f", help="Do not ask.")] = False,
    filter_: FilterOption = None,
    format_: FormatOption = None,
) -> None:
    """Remove every container that has stopped."""
    as_json = wants_json(ctx, format_)

    async def action(client: Client) -> int:
        labels = parse_filters(filter_ or (), ("label",)).get("label", [])
        if not force and not _agreed():
            return 1
        pruned = await client.prune(labels)
        if as_json:
            write_model(pruned)
        else:
            for container in pruned.removed:
                tell(container, as_json=False)
        for failure in pruned.failed:
            complain(failure.message)
        return 1 if pruned.failed else 0

    perform(ctx, action)


def _agreed() -> bool:
    """Ask at a terminal; elsewhere nobody could answer."""
    if not os.isatty(0):
        raise InvalidArgument("cannot prune: there is no terminal to ask at", step="parse", hint="say --force")
    return typer.confirm("remove all containers that have stopped?", err=True)


def _simple(
    ctx: typer.Context, containers: list[str], act: Callable[[Client, str], Awaitable[None]], *, as_json: bool
) -> None:
    async def one(client: Client, container: str) -> None:
        await act(client, container)
        tell(container, as_json=as_json)

    perform(ctx, lambda client: each(containers, lambda container: one(client, container)))


_COMMANDS: dict[str, Callable[..., Any]] = {
    "restart": restart,
    "pause": pause,
    "unpause": unpause,
    "rename": rename,
    "update": update,
    "prune": prune,
}
