"""execs: what is executed in containers, after it was begun by `exec`."""

import contextlib
import datetime
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from containerd_py.cli.commands.arguments import (
    ContainerArgument,
    ExecArgument,
    ExecsArgument,
    InteractiveOption,
    SignalOption,
)
from containerd_py.cli.commands.each import each, tell
from containerd_py.cli.detach_keys import DEFAULT, DetachKeysOption
from containerd_py.cli.detach_keys import parse as parse_keys
from containerd_py.cli.output import age_text, command_text, write_line
from containerd_py.cli.printing import printer_of
from containerd_py.cli.settings import FormatOption, ShortFormatOption, perform, wants_json
from containerd_py.cli.tables import write_table

if TYPE_CHECKING:
    from containerd_py.client import Client
    from containerd_py.wire import ExecDetail


def register(app: typer.Typer) -> None:
    about = "What is executed in containers: list it, look at it, follow it, end it."
    group = typer.Typer(help=about, no_args_is_help=True)
    for command in (ls, inspect, logs, attach, kill, wait, rm):
        group.command(command.__name__)(command)
    app.add_typer(group, name="execs")


def ls(
    ctx: typer.Context,
    container: ContainerArgument,
    *,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Only the ids.")] = False,
    format_: FormatOption = None,
) -> None:
    """List what is, was or will be executed in a container."""
    printer = printer_of(ctx, format_)

    async def action(client: "Client") -> None:
        from containerd_py.cli.commands.found import list_found
        from containerd_py.cli.words import exec_row

        found = await client.execs(container)
        list_found(printer, found, exec_row, partial(_write_execs, found), quiet=quiet)

    perform(ctx, action)


def inspect(ctx: typer.Context, execs: ExecsArgument, *, format_: ShortFormatOption = None) -> None:
    """Print everything about execs, as JSON."""
    printer = printer_of(ctx, format_)

    async def action(client: "Client") -> int:
        from containerd_py.cli.commands.found import inspect_each
        from containerd_py.cli.words import exec_row

        return await inspect_each(printer, execs, client.exec_inspect, exec_row)

    perform(ctx, action)


def logs(
    ctx: typer.Context,
    exec_id: ExecArgument,
    *,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until it ends.")] = False,
    timestamps: Annotated[bool, typer.Option("--timestamps", "-t", help="Each line with its time.")] = False,
    tail: Annotated[
        int | None, typer.Option("--tail", "-n", min=0, metavar="LINES", help="So many lines.", show_default=False)
    ] = None,
) -> None:
    """Print the output of an exec, byte for byte."""

    async def action(client: "Client") -> None:
        from containerd_py.cli.streams import write_all

        output = client.exec_logs(exec_id, follow=follow, timestamps=timestamps, tail=tail, resume=True)
        async with contextlib.aclosing(output) as chunks:
            async for chunk in chunks:
                await write_all(1, chunk)

    perform(ctx, action)


def attach(
    ctx: typer.Context,
    exec_id: ExecArgument,
    *,
    interactive: InteractiveOption = False,
    detach_keys: DetachKeysOption = DEFAULT,
) -> None:
    """Stay with an exec until it ends, and exit as it did. All of its output is shown, what came before too."""

    async def action(client: "Client") -> int:
        from containerd_py.cli.foreground import Attendance, AttendedExec, attend

        keys = parse_keys(detach_keys)
        detail = await client.exec_inspect(exec_id)
        attended = AttendedExec(client, detail.id)
        return await attend(Attendance(attended, interactive, detail.terminal, offset=0, detach_keys=keys))

    perform(ctx, action)


def kill(
    ctx: typer.Context, execs: ExecsArgument, *, signal: SignalOption = "SIGKILL", format_: FormatOption = None
) -> None:
    """Send a signal to execs."""
    as_json = wants_json(ctx, format_)

    async def one(client: "Client", exec_id: str) -> None:
        await client.exec_kill(exec_id, signal)
        tell(exec_id, as_json=as_json)

    perform(ctx, lambda client: each(execs, lambda exec_id: one(client, exec_id)))


def wait(ctx: typer.Context, execs: ExecsArgument, *, format_: FormatOption = None) -> None:
    """Wait until execs ended, and print their exit codes."""
    printer = printer_of(ctx, format_)

    async def one(client: "Client", exec_id: str) -> None:
        from containerd_py.cli.templates import Row

        ended = await client.exec_wait(exec_id)
        code = "lost" if ended.exit_code is None else str(ended.exit_code)
        printer.one(Row(ended, {"Exec": exec_id}), lambda: write_line(code))

    perform(ctx, lambda client: each(execs, lambda exec_id: one(client, exec_id)))


def rm(
    ctx: typer.Context,
    execs: ExecsArgument,
    *,
    force: Annotated[bool, typer.Option("--force", "-f", help="Kill it first where it runs.")] = False,
    format_: FormatOption = None,
) -> None:
    """Remove execs and their output."""
    as_json = wants_json(ctx, format_)

    async def one(client: "Client", exec_id: str) -> None:
        await client.exec_delete(exec_id, force=force)
        tell(exec_id, as_json=as_json)

    perform(ctx, lambda client: each(execs, lambda exec_id: one(client, exec_id)))


def _write_execs(found: "tuple[ExecDetail, ...]") -> None:
    now = datetime.datetime.now(datetime.UTC)
    rows = [
        (
            one.id,
            _status(one),
            "" if one.pid is None else str(one.pid),
            age_text(one.created_at, now),
            command_text(one.args),
        )
        for one in found
    ]
    write_table(("ID", "STATUS", "PID", "CREATED", "COMMAND"), rows, elastic="COMMAND")


def _status(one: "ExecDetail") -> str:
    if one.exit is None:
        return one.status
    return "lost" if one.exit.exit_code is None else f"exited ({one.exit.exit_code})"
