"""exec: a further process in a container, at the caller's terminal."""

import os
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import typer

from containerd_py.cli.commands.arguments import InteractiveOption, KeyOption, RunningContainerArgument
from containerd_py.cli.complaints import start_code
from containerd_py.cli.detach_keys import DEFAULT, DetachKeysOption
from containerd_py.cli.detach_keys import parse as parse_keys
from containerd_py.cli.output import printable, write_line, write_model
from containerd_py.cli.settings import FormatOption, perform, wants_json
from containerd_py.errors import InvalidArgument

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from containerd_py.client import Client
    from containerd_py.wire import ExecSpec

GroupOption = Annotated[
    list[str] | None,
    typer.Option("--group-add", metavar="GID|NAME", help="One group more; repeatable.", show_default=False),
]

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
    group: GroupOption = None,
    workdir: Annotated[str | None, typer.Option("--workdir", "-w", metavar="DIR", help="Where it starts.")] = None,
    privileged: Annotated[bool, typer.Option("--privileged", help="With all capabilities.")] = False,
    capability: Annotated[
        list[str] | None,
        typer.Option("--cap", metavar="CAP_NAME", help="With this one and no other; repeatable.", show_default=False),
    ] = None,
    detach_keys: DetachKeysOption = DEFAULT,
    key: KeyOption = None,
    format_: FormatOption = None,
) -> None:
    """Execute a program in a running container; stay with it until it ends, and exit as it did."""
    as_json = wants_json(ctx, format_)
    given = {
        "cwd": workdir,
        "user": user,
        "additional_groups": tuple(group or ()),
        "terminal": tty,
        "stdin": interactive,
        "detach": detach,
        "privileged": privileged,
        "capabilities": None if capability is None else tuple(capability),
    }

    async def action(client: "Client") -> int:
        _check(tty=tty, detach=detach, interactive=interactive)
        keys = parse_keys(detach_keys)
        made = await client.exec_create(container, _request(args, given, env, env_file), key=key)
        begins = key is None or (await client.exec_inspect(made.id)).status == "created"
        begin = partial(client.exec_start, made.id) if begins else None
        if not detach:
            return await _attend(client, made.id, begin, keys, interactive=interactive, terminal=tty)
        if begin is not None:
            await begin()
        if as_json:
            write_model(made)
        else:
            write_line(printable(made.id))
        return 0

    perform(ctx, action, start_code)


def _request(args: list[str], given: dict[str, Any], env: list[str] | None, env_file: list[str] | None) -> "ExecSpec":
    """Return what to execute. given: fields of it; what was not given is left out. Raises InvalidArgument."""
    from containerd_py.cli.requests import parse_environment, reading
    from containerd_py.cli.variables import read_files
    from containerd_py.wire import ExecSpec

    variables = parse_environment([*read_files(env_file), *(env or ())], os.environ)
    with reading():
        return ExecSpec(args=tuple(args), **{name: value for name, value in (given | {"env": variables}).items() if value})


async def _attend(
    client: "Client",
    exec_id: str,
    begin: "Callable[[], Awaitable[None]] | None",
    keys: bytes,
    *,
    interactive: bool,
    terminal: bool,
) -> int:
    from containerd_py.cli.foreground import Attendance, AttendedExec, attend

    attended = AttendedExec(client, exec_id)
    return await attend(Attendance(attended, interactive, terminal, offset=0, detach_keys=keys), begin)


def _check(*, tty: bool, detach: bool, interactive: bool) -> None:
    if detach and interactive:
        raise InvalidArgument("cannot use --interactive with --detach: nobody is left to type", step="parse")
    if tty and not detach and not os.isatty(0):
        hint = "leave out --tty, or run this at a terminal"
        raise InvalidArgument("cannot use a terminal: standard input is not one", step="terminal", hint=hint)
