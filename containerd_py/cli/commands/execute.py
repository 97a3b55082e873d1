"""exec: a further process in a container, at the caller's terminal."""

import os
from typing import TYPE_CHECKING, Annotated, Any

import typer

from containerd_py.cli.commands.arguments import InteractiveOption, RunningContainerArgument
from containerd_py.cli.complaints import start_code
from containerd_py.cli.detach_keys import DEFAULT, DetachKeysOption
from containerd_py.cli.detach_keys import parse as parse_keys
from containerd_py.cli.output import printable, write_line, write_model
from containerd_py.cli.settings import FormatOption, perform, wants_json
from containerd_py.errors import InvalidArgument

if TYPE_CHECKING:
    from containerd_py.client import Client

# Everything after the container is the program's: `pyctr exec web sh -c 'echo hi'`.
_PROGRAM_LAST = {"allow_interspersed_args": False}


def register(app: typer.Typer) -> None:
    app.command("exec", context_settings=_PROGRAM_LAST)(execute)


def execute(
    ctx: typer.Context,
    container: RunningContainerArgument,
    args: Annotated[list[str], typer.Argument(metavar="ARGS...", help="The program and its arguments.")],
    *,
    interactive: InteractiveOption = False,
    tty: Annotated[bool, typer.Option("--tty", "-t", help="Give it a terminal.")] = False,
    detach: Annotated[bool, typer.Option("--detach", "-d", help="Print its id and do not wait; its output goes.")] = False,
    env: Annotated[
        list[str] | None,
        typer.Option("--env", "-e", metavar="K[=V]", help="A variable; without =V from here.", show_default=False),
    ] = None,
    env_file: Annotated[
        list[str] | None,
        typer.Option("--env-file", metavar="FILE", help="Variables, one a line; repeatable.", show_default=False),
    ] = None,
    user: Annotated[str | None, typer.Option("--user", "-u", metavar="UID[:GID]|NAME", help="Who runs it.")] = None,
    group: Annotated[
        list[str] | None,
        typer.Option("--group-add", metavar="GID|NAME", help="One group more; repeatable.", show_default=False),
    ] = None,
    workdir: Annotated[str | None, typer.Option("--workdir", "-w", metavar="DIR", help="Where it starts.")] = None,
    privileged: Annotated[bool, typer.Option("--privileged", help="With all capabilities.")] = False,
    capability: Annotated[
        list[str] | None,
        typer.Option("--cap", metavar="CAP_NAME", help="With this one and no other; repeatable.", show_default=False),
    ] = None,
    detach_keys: DetachKeysOption = DEFAULT,
    format_: FormatOption = None,
) -> None:
    """Execute a program in a running container; stay with it until it ends, and exit as it did."""
    as_json = wants_json(ctx, format_)

    async def action(client: "Client") -> int:
        from containerd_py.cli.foreground import Attendance, AttendedExec, attend
        from containerd_py.cli.requests import parse_environment, reading
        from containerd_py.cli.variables import read_files
        from containerd_py.wire import ExecSpec

        _check(tty=tty, detach=detach, interactive=interactive)
        given: dict[str, Any] = {
            "env": parse_environment([*read_files(env_file), *(env or ())], os.environ),
            "cwd": workdir,
            "user": user,
            "additional_groups": tuple(group or ()),
            "terminal": tty,
            "stdin": interactive,
            "detach": detach,
            "privileged": privileged,
            "capabilities": None if capability is None else tuple(capability),
        }
        with reading():
            request = ExecSpec(args=tuple(args), **{name: value for name, value in given.items() if value})
        made = await client.exec_create(container, request)
        if detach:
            await client.exec_start(made.id)
            if as_json:
                write_model(made)
            else:
                write_line(printable(made.id))
            return 0
        keys = parse_keys(detach_keys)
        attendance = Attendance(AttendedExec(client, made.id), interactive, tty, offset=0, detach_keys=keys)
        return await attend(attendance, lambda: client.exec_start(made.id))

    perform(ctx, action, start_code)


def _check(*, tty: bool, detach: bool, interactive: bool) -> None:
    if detach and interactive:
        raise InvalidArgument("cannot use --interactive with --detach: nobody is left to type", step="parse")
    if tty and not detach and not os.isatty(0):
        hint = "leave out --tty, or run this at a terminal"
        raise InvalidArgument("cannot use a terminal: standard input is not one", step="terminal", hint=hint)
