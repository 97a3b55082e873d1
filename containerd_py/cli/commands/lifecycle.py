"""start, stop, kill, wait, rm: what is done to containers that exist, one after the other."""

import json
from collections.abc import Awaitable, Callable, Iterable
from typing import Annotated

import typer

from containerd_py.cli.commands.arguments import ContainersArgument, InteractiveOption
from containerd_py.cli.complaints import complain, plain_code, start_code
from containerd_py.cli.foreground import Attendance, AttendedContainer, attend
from containerd_py.cli.output import printable, write_line, write_model
from containerd_py.cli.settings import FormatOption, perform, wants_json
from containerd_py.client import Client
from containerd_py.errors import ContainerdError, InvalidArgument
from containerd_py.wire import Exit


def register(app: typer.Typer) -> None:
    for name, command in (("start", start), ("stop", stop), ("kill", kill), ("wait", wait), ("rm", rm)):
        app.command(name)(command)


def start(
    ctx: typer.Context,
    containers: ContainersArgument,
    *,
    attach: Annotated[bool, typer.Option("--attach", "-a", help="Stay with it, and exit as it did.")] = False,
    interactive: InteractiveOption = False,
    format_: FormatOption = None,
) -> None:
    """Start created containers."""
    as_json = wants_json(ctx, format_)

    async def one(client: Client, container: str) -> None:
        await client.start(container)
        _tell(container, as_json=as_json)

    async def action(client: Client) -> int:
        if attach or interactive:
            return await _start_attended(client, containers, interactive=interactive)
        return await _each(containers, lambda container: one(client, container), start_code)

    perform(ctx, action, start_code)


def stop(
    ctx: typer.Context,
    containers: ContainersArgument,
    *,
    timeout: Annotated[float, typer.Option("--time", "-t", min=0, help="Seconds before SIGKILL.")] = 10.0,
    format_: FormatOption = None,
) -> None:
    """Stop containers: SIGTERM, then SIGKILL."""
    as_json = wants_json(ctx, format_)

    async def one(client: Client, container: str) -> None:
        ended = await client.stop(container, timeout)
        if as_json:
            write_model(ended)
        else:
            _tell(container, as_json=False)

    perform(ctx, lambda client: _each(containers, lambda container: one(client, container)))


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
        _tell(container, as_json=as_json)

    perform(ctx, lambda client: _each(containers, lambda container: one(client, container)))


def wait(ctx: typer.Context, containers: ContainersArgument, *, format_: FormatOption = None) -> None:
    """Wait until containers ended, and print their exit codes."""
    as_json = wants_json(ctx, format_)

    async def one(client: Client, container: str) -> None:
        ended = await client.wait(container)
        if as_json:
            write_model(ended)
        else:
            write_line(_code_text(ended))

    perform(ctx, lambda client: _each(containers, lambda container: one(client, container)))


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
        _tell(container, as_json=as_json)

    perform(ctx, lambda client: _each(containers, lambda container: one(client, container)))


async def _start_attended(client: Client, containers: list[str], *, interactive: bool) -> int:
    if len(containers) > 1:
        raise InvalidArgument("cannot attach to more than one container: they would share one terminal", step="parse")
    detail = await client.container(containers[0])
    attendance = Attendance(AttendedContainer(client, detail.id), interactive, detail.terminal, offset=0)
    return await attend(attendance, lambda: client.start(detail.id))


async def _each(
    containers: Iterable[str],
    act: Callable[[str], Awaitable[None]],
    code_of: Callable[[ContainerdError], int] = plain_code,
) -> int:
    """Act on each, tell each failure and go on; return the last failure's exit code, or 0."""
    code = 0
    for container in containers:
        try:
            await act(container)
        except ContainerdError as error:
            complain(error)
            code = code_of(error)
    return code


def _tell(container: str, *, as_json: bool) -> None:
    write_line(json.dumps({"container": container}) if as_json else printable(container))


def _code_text(ended: Exit) -> str:
    return "lost" if ended.exit_code is None else str(ended.exit_code)
