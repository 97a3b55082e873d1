"""run, create, explain: the commands that take a description of a container."""

import os
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from containerd_py.cli.commands.arguments import KeyOption, SigProxyOption
from containerd_py.cli.complaints import complain, start_code
from containerd_py.cli.detach_keys import DEFAULT, DetachKeysOption
from containerd_py.cli.detach_keys import parse as parse_keys
from containerd_py.cli.gathering import Gathering
from containerd_py.cli.id_file import IdFile
from containerd_py.cli.output import printable, write_line
from containerd_py.cli.printing import Printer, printer_of
from containerd_py.cli.settings import Detached, FormatOption, perform
from containerd_py.cli.spec_options import SpecOptions
from containerd_py.errors import ContainerdError, InvalidArgument, NotFound

if TYPE_CHECKING:
    from containerd_py.client import Client
    from containerd_py.wire import Created, Explanation

# Everything after the first argument is the payload's: `pyctr run --rootfs R /bin/sh -c 'echo hi'`.
_PAYLOAD_LAST = {"allow_interspersed_args": False}

IdFileOption = Annotated[
    str | None,
    typer.Option(
        "--cidfile", metavar="FILE", help="Write its id into this file, which must not exist.", show_default=False
    ),
]
DetachOption = Annotated[bool, typer.Option("--detach", "-d", help="Print the id and do not wait.")]


def register(app: typer.Typer) -> None:
    for name, command in (("run", run), ("create", create), ("explain", explain)):
        app.command(name, context_settings=_PAYLOAD_LAST)(Gathering(command, SpecOptions))


def run(
    ctx: typer.Context,
    *,
    options: SpecOptions,
    detach: DetachOption = False,
    cidfile: IdFileOption = None,
    sig_proxy: SigProxyOption = True,
    detach_keys: DetachKeysOption = DEFAULT,
    key: KeyOption = None,
    format_: FormatOption = None,
) -> None:
    """Create a container and start it; stay with it until it ends, and exit as it did."""
    printer = printer_of(ctx, format_)

    async def action(client: "Client") -> int:
        from containerd_py.cli.requests import build_request

        _check_run(options, detach=detach)
        keys = parse_keys(detach_keys)
        request = build_request(options, os.environ)
        with IdFile(cidfile) as id_file:
            created = await client.create(request, key=key)
            id_file.write(created.id)
        # Who asks again may find that it has been started.
        begins = key is None or (await client.container(created.id)).status == "created"
        if detach:
            if begins:
                await client.start(created.id)
            _tell(created, printer)
            return 0
        return await _attended(client, created, options, keys, begins=begins, sig_proxy=sig_proxy)

    perform(ctx, action, start_code)


def create(
    ctx: typer.Context,
    *,
    options: SpecOptions,
    cidfile: IdFileOption = None,
    key: KeyOption = None,
    format_: FormatOption = None,
) -> None:
    """Create a container without starting it, and print its id."""
    printer = printer_of(ctx, format_)

    async def action(client: "Client") -> None:
        from containerd_py.cli.requests import build_request

        request = build_request(options, os.environ)
        with IdFile(cidfile) as id_file:
            created = await client.create(request, key=key)
            id_file.write(created.id)
        _tell(created, printer)

    perform(ctx, action, start_code)


def explain(ctx: typer.Context, *, options: SpecOptions, format_: FormatOption = None) -> None:
    """Print the kernel operations that running it would take; nothing is made."""
    printer = printer_of(ctx, format_)

    async def action(client: "Client") -> None:
        from containerd_py.cli.requests import build_request
        from containerd_py.cli.templates import Row

        explanation = await client.explain(build_request(options, os.environ))
        printer.one(Row(explanation), lambda: _tell_steps(explanation))

    perform(ctx, action)


def _check_run(options: SpecOptions, *, detach: bool) -> None:
    if options.tty and not detach and not os.isatty(0):
        hint = "leave out --tty, or run this at a terminal"
        raise InvalidArgument("cannot use a terminal: standard input is not one", step="terminal", hint=hint)


async def _attended(
    client: "Client", created: "Created", options: SpecOptions, keys: bytes, *, begins: bool, sig_proxy: bool
) -> int:
    from containerd_py.cli.foreground import Attendance, AttendedContainer, attend

    discarded = options.rm
    try:
        # Whether a bundle has a terminal, only its config.json knows.
        terminal = options.tty if options.bundle is None else (await client.container(created.id)).terminal
        attended = AttendedContainer(client, created.id)
        attendance = Attendance(attended, options.interactive, terminal, offset=0, detach_keys=keys, sig_proxy=sig_proxy)
        return await attend(attendance, partial(client.start, created.id) if begins else None)
    except Detached:  # it goes on, and is removed at its end all the same
        discarded = False
        raise
    finally:
        if discarded:
            await _discard(client, created.id)


async def _discard(client: "Client", container: str) -> None:
    """Have it removed before we end, running or not; a failure is told and changes nothing else."""
    try:
        await client.delete(container, force=True)
    except NotFound:
        pass
    except ContainerdError as error:
        complain(error)


def _tell(created: "Created", printer: Printer) -> None:
    from containerd_py.cli.templates import Row

    printer.one(Row(created), lambda: write_line(printable(created.id)))


def _tell_steps(explanation: "Explanation") -> None:
    from containerd_py.cli.chart.steps import write_steps

    write_steps(explanation)
