"""restart, pause, unpause, rename, update, prune: what is done to containers that exist."""

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any

import typer

from containerd_py.cli.commands.arguments import (
    ContainerArgument,
    ContainersArgument,
    NoBlockOption,
    PausedContainersArgument,
    RunningContainersArgument,
    StopSignalOption,
    TimeoutOption,
)
from containerd_py.cli.commands.chosen import ALIVE, PAUSED, RUNNING, AllOption, chosen, simply
from containerd_py.cli.commands.each import tell, tell_begun, together
from containerd_py.cli.complaints import complain
from containerd_py.cli.completion.values import filters_of, restart_policies
from containerd_py.cli.filters import parse_filters
from containerd_py.cli.gathering import Gathering
from containerd_py.cli.limit_options import LimitOptions
from containerd_py.cli.printing import printer_of
from containerd_py.cli.progress import Progress
from containerd_py.cli.settings import FormatOption, perform, wants_json
from containerd_py.errors import InvalidArgument

if TYPE_CHECKING:
    from containerd_py.client import Client
    from containerd_py.wire import Pruned


def register(app: typer.Typer) -> None:
    for name, command in _COMMANDS.items():
        app.command(name)(command)
    app.command("resume", help="Let paused containers go on, as `unpause` does.")(unpause)


def restart(
    ctx: typer.Context,
    containers: RunningContainersArgument = None,
    *,
    every: AllOption = False,
    timeout: TimeoutOption = None,
    signal: StopSignalOption = None,
    no_block: NoBlockOption = False,
    format_: FormatOption = None,
) -> None:
    """Stop containers where they run, and start them again."""
    as_json = wants_json(ctx, format_)

    async def one(client: "Client", container: str) -> Callable[[], None]:
        if no_block:
            begun = await client.begin("restart", container, timeout_s=timeout, signal=signal)
            return lambda: tell_begun(begun, as_json=as_json)
        await client.restart(container, timeout, signal)
        return lambda: tell(container, as_json=as_json)

    meant = chosen(ctx, containers, ALIVE, every=every)

    async def action(client: "Client") -> int:
        return await together(await meant(client), lambda container: one(client, container), doing="restarting")

    perform(ctx, action)


def pause(
    ctx: typer.Context,
    containers: RunningContainersArgument = None,
    *,
    every: AllOption = False,
    format_: FormatOption = None,
) -> None:
    """Stop every process of containers where it stands."""
    meant = chosen(ctx, containers, RUNNING, every=every)
    simply(ctx, meant, lambda client, container: client.pause(container), as_json=wants_json(ctx, format_))


def unpause(
    ctx: typer.Context,
    containers: PausedContainersArgument = None,
    *,
    every: AllOption = False,
    format_: FormatOption = None,
) -> None:
    """Let paused containers go on."""
    meant = chosen(ctx, containers, PAUSED, every=every)
    simply(ctx, meant, lambda client, container: client.resume(container), as_json=wants_json(ctx, format_))


def rename(
    ctx: typer.Context,
    container: ContainerArgument,
    name: Annotated[str, typer.Argument(metavar="NAME", help="The new name.")],
    *,
    format_: FormatOption = None,
) -> None:
    """Give a container another name."""
    as_json = wants_json(ctx, format_)

    async def action(client: "Client") -> None:
        await client.rename(container, name)
        tell(name, as_json=as_json)

    perform(ctx, action)


def update(
    ctx: typer.Context,
    containers: ContainersArgument,
    *,
    options: LimitOptions,
    restart: Annotated[
        str | None,
        typer.Option(metavar="POLICY", help="no, on-failure[:N], always, unless-stopped.", autocompletion=restart_policies),
    ] = None,
    durable: Annotated[
        bool | None,
        typer.Option("--durable/--no-durable", help="They outlive a boot of the host, or not.", show_default=False),
    ] = None,
    format_: FormatOption = None,
) -> None:
    """Change limits, at once where they run, restart policies, and whether containers outlive a boot.

    -1 lifts a limit of memory, of memory and swap, of CPUs or of processes.
    """

    async def act(client: "Client", container: str) -> None:
        from containerd_py.cli.requests import build_update

        await client.update(container, build_update(options, restart, durable=durable))

    simply(ctx, chosen(ctx, containers, (), every=False), act, as_json=wants_json(ctx, format_))


def prune(
    ctx: typer.Context,
    *,
    force: Annotated[bool, typer.Option("--force", "-f", help="Do not ask.")] = False,
    filter_: Annotated[
        list[str] | None,
        typer.Option(
            "--filter",
            metavar="label=K[=V]",
            help="Only those with this label.",
            show_default=False,
            autocompletion=filters_of(label=("labels",)),
        ),
    ] = None,
    format_: FormatOption = None,
) -> None:
    """Remove every container that has stopped."""
    printer = printer_of(ctx, format_)

    async def action(client: "Client") -> int:
        from containerd_py.cli.templates import Row

        labels = parse_filters(filter_ or (), ("label",)).get("label", [])
        if not force and not _agreed():
            return 1
        with Progress("removing containers that have stopped", 0):
            pruned = await client.prune(labels)
        printer.one(Row(pruned), lambda: _tell_removed(pruned))
        for failure in pruned.failed:
            complain(failure.message)
        return 1 if pruned.failed else 0

    perform(ctx, action)


def _tell_removed(pruned: "Pruned") -> None:
    for container in pruned.removed:
        tell(container, as_json=False)


def _agreed() -> bool:
    """Ask at a terminal; elsewhere nobody could answer."""
    if not os.isatty(0):
        raise InvalidArgument("cannot prune: there is no terminal to ask at", step="parse", hint="say --force")
    return typer.confirm("remove all containers that have stopped?", err=True)


_COMMANDS: dict[str, Callable[..., Any]] = {
    "restart": restart,
    "pause": pause,
    "unpause": unpause,
    "rename": rename,
    "update": Gathering(update, LimitOptions),
    "prune": prune,
}
