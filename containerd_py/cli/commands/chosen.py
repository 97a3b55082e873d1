"""Containers that are named, or all of those that a command can act on: --all, as podman has it."""

from typing import TYPE_CHECKING, Annotated

import typer

from containerd_py.cli.commands.each import each, tell
from containerd_py.cli.settings import perform

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from containerd_py.client import Client
    from containerd_py.wire import Status

_UsageError: type[Exception] = typer.BadParameter.__mro__[1]  # of the click that typer brings: see `main`

AllOption = Annotated[bool, typer.Option("--all", "-a", help="All of which that can be done.")]

ALIVE: "tuple[Status, ...]" = ("running", "paused")
RUNNING: "tuple[Status, ...]" = ("running",)
PAUSED: "tuple[Status, ...]" = ("paused",)
AT_REST: "tuple[Status, ...]" = ("created", "stopped")
ANY: "tuple[Status, ...]" = ()


def chosen(
    ctx: typer.Context, containers: list[str] | None, statuses: "tuple[Status, ...]", *, every: bool
) -> "Callable[[Client], Awaitable[list[str]]]":
    """Return what gives those that are meant; statuses: of --all. A usage error where both are said, or neither."""
    if every and containers:
        raise _UsageError("--all does not go with names of containers", ctx)
    if not every and not containers:
        raise _UsageError("Missing argument 'CONTAINER...'", ctx)

    async def found(client: "Client") -> list[str]:
        return [one.id for one in await client.containers(statuses)] if every else containers or []

    return found


def simply(
    ctx: typer.Context,
    meant: "Callable[[Client], Awaitable[list[str]]]",
    act: "Callable[[Client, str], Awaitable[None]]",
    *,
    as_json: bool,
) -> None:
    """Act on those that are meant, one after the other, and print each of which it was done."""

    async def one(client: "Client", container: str) -> None:
        await act(client, container)
        tell(container, as_json=as_json)

    async def action(client: "Client") -> int:
        return await each(await meant(client), lambda container: one(client, container))

    perform(ctx, action)
