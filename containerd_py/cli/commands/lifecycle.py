"""start, stop, kill, wait, rm: what is done to containers that exist, one after the other."""

from typing import Annotated

import typer

from containerd_py.cli.commands.arguments import ContainersArgument, InteractiveOption, StopSignalOption, TimeoutOption
from containerd_py.cli.commands.each import each, tell
from containerd_py.cli.complaints import start_code
from containerd_py.cli.detach_keys import DEFAULT, DetachKeysOption
from containerd_py.cli.detach_keys import parse as parse_keys
from containerd_py.cli.foreground import Attendance, AttendedContainer, attend
from containerd_py.cli.output import write_line, write_model
from containerd_py.cli.settings import FormatOption, perform, wants_json
from containerd_py.client import Client
from containerd_py.errors import Conflict, InvalidArgument
from containerd_py.wire import Exit

_NO_ENDS = ("healthy", "ready")


def register(app: typer.Typer) -> None:
    for name, command in (("start", start), ("stop", stop), ("kill", kill), ("wait", wait), ("rm", rm)):
        app.command(name)(command)


def start(
    ctx: typer.Context,
    containers: ContainersArgument,
    *,
    attach: Annotated[bool, typer.Option("--attach", "-a", help="Stay with it, and exit as it did.")] = False,
    interactive: InteractiveOption = False,
    detach_keys: DetachKeysOption = DEFAULT,
    format_: FormatOption = None,
) -> None:
    """Start containers that are created, or have stopped."""
    as_json = wants_json(ctx, format_)

    async def one(client: Client, container: str) -> None:
        await client.start(container)
        tell(container, as_json=as_json)

    async def action(client: Client) -> int:
        keys = parse_keys(detach_keys)
        if attach or interactive:
            return await _start_attended(client, containers, keys, interactive=interactive)
        return await each(containers, lambda container: one(client, container), start_code)

    perform(ctx, action, start_code)


def stop(
    ctx: typer.Context,
    containers: ContainersArgument,
    *,
    timeout: TimeoutOption = None,
    signal: StopSignalOption = None,
    format_: FormatOption = None,
) -> None:
    """Stop containers: their stop signal, then SIGKILL."""
    as_json = wants_json(ctx, format_)

    async def one(client: Client, container: str) -> None:
        ended = await client.stop(container, timeout, signal)
        if as_json:
            write_model(ended)
        else:
            tell(container, as_json=False)

    perform(ctx, lambda client: each(containers, lambda container: one(client, container)))


def kill(
    ctx: typer.Context,
    containers: ContainersArgument,
    *,
    signal: Annotated[str, typer.Option("--signal", "-s", help="A signal: TERM, SIGTERM or 15.")] = "SIGKILL",
    format_: FormatOption = None,
) -> None:
    """Send a signal to containers."""
    as_json = wants_json(ctx, format_)

    async def one(client: Client, container: str) -> None:
        await client.kill(container, signal)
        tell(container, as_json=as_json)

    perform(ctx, lambda client: each(containers, lambda container: one(client, container)))


def wait(
    ctx: typer.Context,
    containers: ContainersArgument,
    *,
    condition: Annotated[
        str | None, typer.Option(metavar="CONDITION", help="not-running (the default), next-exit, removed, healthy, ready.")
    ] = None,
    format_: FormatOption = None,
) -> None:
    """Wait until containers ended, and print their exit codes; or until they are what is asked for, and print that."""
    as_json = wants_json(ctx, format_)

    async def one(client: Client, container: str) -> None:
        if condition in _NO_ENDS:
            await _wait_until(client, container, condition, as_json=as_json)
            return
        ended = await client.wait(container, condition)
        if as_json:
            write_model(ended)
        else:
            write_line(_code_text(ended))

    perform(ctx, lambda client: each(containers, lambda container: one(client, container)))


def rm(
    ctx: typer.Context,
    containers: ContainersArgument,
    *,
    force: Annotated[bool, typer.Option("--force", "-f", help="Kill it first where it runs.")] = False,
    format_: FormatOption = None,
) -> None:
    """Remove containers."""
    as_json = wants_json(ctx, format_)

    async def one(client: Client, container: str) -> None:
        await client.delete(container, force=force)
        tell(container, as_json=as_json)

    perform(ctx, lambda client: each(containers, lambda container: one(client, container)))


async def _start_attended(client: Client, containers: list[str], keys: bytes, *, interactive: bool) -> int:
    if len(containers) > 1:
        raise InvalidArgument("cannot attach to more than one container: they would share one terminal", step="parse")
    detail = await client.container(containers[0])
    attended = AttendedContainer(client, detail.id)
    if detail.status == "stopped":  # who attaches now would follow the run that has ended; the log keeps what comes
        await client.start(detail.id)
        return await attend(Attendance(attended, interactive, detail.terminal, detail.output_bytes, keys))
    attendance = Attendance(attended, interactive, detail.terminal, 0, keys)
    return await attend(attendance, lambda: client.start(detail.id))


async def _wait_until(client: Client, container: str, condition: str, *, as_json: bool) -> None:
    """Raises Conflict where it has ended before."""
    found = await client.wait_until(container, condition)
    if isinstance(found, Exit):
        cause = f"it has ended before, with {_code_text(found)}"
        raise Conflict(f"cannot wait for container {container!r} to be {condition}: {cause}", step="wait")
    if as_json:
        write_model(found)
    else:
        write_line(found.condition)


def _code_text(ended: Exit) -> str:
    return "lost" if ended.exit_code is None else str(ended.exit_code)
