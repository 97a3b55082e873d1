"""run, create, explain: the commands that take a description of a container."""

import os
from collections.abc import Callable
from typing import Annotated

import typer

from containerd_py.cli.complaints import complain, start_code
from containerd_py.cli.detach_keys import DEFAULT, DetachKeysOption
from containerd_py.cli.detach_keys import parse as parse_keys
from containerd_py.cli.foreground import Attendance, AttendedContainer, attend
from containerd_py.cli.output import printable, write_line, write_model
from containerd_py.cli.requests import build_request
from containerd_py.cli.settings import Detached, FormatOption, perform, wants_json
from containerd_py.cli.spec_options import SpecOptions, takes_spec_options
from containerd_py.client import Client
from containerd_py.errors import ContainerdError, InvalidArgument, NotFound
from containerd_py.wire import Created, CreateRequest, Explanation

# Everything after the first argument is the payload's: `pyctr run --rootfs R /bin/sh -c 'echo hi'`.
_PAYLOAD_LAST = {"allow_interspersed_args": False}

RemoveOption = Annotated[bool, typer.Option("--rm", help="Remove the container when it ended.")]
DetachOption = Annotated[bool, typer.Option("--detach", "-d", help="Print the id and do not wait.")]


def register(app: typer.Typer) -> None:
    for name, command in (("run", run), ("create", create), ("explain", explain)):
        app.command(name, context_settings=_PAYLOAD_LAST)(takes_spec_options(command))


def run(
    ctx: typer.Context,
    *,
    options: SpecOptions,
    rm: RemoveOption = False,
    detach: DetachOption = False,
    detach_keys: DetachKeysOption = DEFAULT,
    format_: FormatOption = None,
) -> None:
    """Create a container and start it; stay with it until it ends, and exit as it did."""

    async def action(client: Client) -> int:
        _check_run(options, rm=rm, detach=detach)
        keys = parse_keys(detach_keys)
        request = build_request(options, os.environ)
        if detach:
            return await _run_detached(client, request, lambda created: _tell(created, json=wants_json(ctx, format_)))
        return await _run_attended(client, request, options, keys, rm=rm)

    perform(ctx, action, start_code)


def create(ctx: typer.Context, *, options: SpecOptions, format_: FormatOption = None) -> None:
    """Create a container without starting it, and print its id."""

    async def action(client: Client) -> None:
        created = await client.create(build_request(options, os.environ))
        _tell(created, json=wants_json(ctx, format_))

    perform(ctx, action, start_code)


def explain(ctx: typer.Context, *, options: SpecOptions, format_: FormatOption = None) -> None:
    """Print the kernel operations that running it would take; nothing is made."""

    async def action(client: Client) -> None:
        explanation = await client.explain(build_request(options, os.environ))
        if wants_json(ctx, format_):
            write_model(explanation)
        else:
            _tell_steps(explanation)

    perform(ctx, action)


def _check_run(options: SpecOptions, *, rm: bool, detach: bool) -> None:
    if rm and detach:
        hint = "leave out one of them; `pyctr rm` removes a container"
        raise InvalidArgument("cannot use --rm with --detach: nobody is left to remove the container", hint=hint)
    if options.tty and not detach and not os.isatty(0):
        hint = "leave out --tty, or run this at a terminal"
        raise InvalidArgument("cannot use a terminal: standard input is not one", step="terminal", hint=hint)


async def _run_detached(client: Client, request: CreateRequest, tell: Callable[[Created], None]) -> int:
    created = await client.create(request)
    await client.start(created.id)
    tell(created)
    return 0


async def _run_attended(client: Client, request: CreateRequest, options: SpecOptions, keys: bytes, *, rm: bool) -> int:
    created = await client.create(request)
    try:
        # Whether a bundle has a terminal, only its config.json knows.
        terminal = options.tty if options.bundle is None else (await client.container(created.id)).terminal
        attendance = Attendance(AttendedContainer(client, created.id), options.interactive, terminal, 0, keys)
        code = await attend(attendance, lambda: client.start(created.id))
    except Detached:
        if rm:
            complain("nobody is left to remove it once it has ended", hint=f"pyctr rm {created.id}")
        raise
    except BaseException:
        if rm:
            await _discard(client, created.id)
        raise
    if rm:
        await _discard(client, created.id)
    return code


async def _discard(client: Client, container: str) -> None:
    """Remove it, running or not; a failure is told and changes nothing else."""
    try:
        await client.delete(container, force=True)
    except NotFound:
        pass
    except ContainerdError as error:
        complain(error)


def _tell(created: Created, *, json: bool) -> None:
    if json:
        write_model(created)
    else:
        write_line(printable(created.id))


def _tell_steps(explanation: Explanation) -> None:
    write_line(printable(f"namespaces: {', '.join(explanation.namespaces)}"))
    numbers = len(str(len(explanation.steps)))
    names = max((len(step.step) for step in explanation.steps), default=0)
    for step in explanation.steps:
        write_line(printable(f"{step.index:>{numbers}}. {step.step:<{names}}  {step.description}"))
