"""restart, pause, unpause: what is done to containers that run."""

from collections.abc import Awaitable, Callable

import typer

from containerd_py.cli.commands.arguments import ContainersArgument, StopSignalOption, TimeoutOption
from containerd_py.cli.commands.each import each, tell
from containerd_py.cli.settings import FormatOption, perform, wants_json
from containerd_py.client import Client


def register(app: typer.Typer) -> None:
    for name, command in (("restart", restart), ("pause", pause), ("unpause", unpause)):
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


def _simple(
    ctx: typer.Context, containers: list[str], act: Callable[[Client, str], Awaitable[None]], *, as_json: bool
) -> None:
    async def one(client: Client, container: str) -> None:
        await act(client, container)
        tell(container, as_json=as_json)

    perform(ctx, lambda client: each(containers, lambda container: one(client, container)))
