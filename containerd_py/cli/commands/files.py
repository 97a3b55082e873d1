"""cp, diff, export: files of containers."""

import contextlib
import os
import secrets
import sys
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from containerd_py.cli.commands.arguments import ContainerArgument
from containerd_py.cli.complaints import complain
from containerd_py.cli.completion.values import places
from containerd_py.cli.output import printable, write_line
from containerd_py.cli.printing import printer_of
from containerd_py.cli.progress import Progress
from containerd_py.cli.settings import FormatOption, perform
from containerd_py.errors import InvalidArgument

if TYPE_CHECKING:
    from containerd_py.client import Client
    from containerd_py.wire import Change

_LETTERS = {"added": "A", "changed": "C", "deleted": "D"}


def register(app: typer.Typer) -> None:
    for name, command in (("cp", cp), ("diff", diff), ("export", export)):
        app.command(name)(command)


def cp(
    ctx: typer.Context,
    source: Annotated[
        str, typer.Argument(metavar="SOURCE", help="CONTAINER:PATH, a path, or - for an archive.", autocompletion=places)
    ],
    destination: Annotated[
        str, typer.Argument(metavar="DESTINATION", help="Likewise; one of the two is a container's.", autocompletion=places)
    ],
    *,
    archive: Annotated[bool, typer.Option("--archive", "-a", help="Keep owners: else they are root's, or yours.")] = False,
    follow_link: Annotated[bool, typer.Option("--follow-link", "-L", help="Copy what a symlink leads to.")] = False,
) -> None:
    """Copy files and directories between a container and here, or as a tar archive by - to and from a pipe."""

    async def action(client: "Client") -> int:
        from containerd_py.cli.copying import copy
        from containerd_py.cli.places import parse_place

        places = parse_place(source), parse_place(destination)
        with contextlib.nullcontext() if "-" in (source, destination) else Progress(f"copying {source}", 0):
            left_out = await copy(client, *places, keep_owners=archive, follow=follow_link)
        for name in left_out:
            complain(f"cannot copy {name!r}: it is a device", hint="its archive has it: copy to - instead")
        return 1 if left_out else 0

    perform(ctx, action)


def diff(ctx: typer.Context, container: ContainerArgument, *, format_: FormatOption = None) -> None:
    """Tell what was added (A), changed (C) and deleted (D) in a root file system that is an overlay."""
    printer = printer_of(ctx, format_)

    async def action(client: "Client") -> None:
        from containerd_py.cli.templates import Row

        async with contextlib.aclosing(client.files.changes(container)) as changes:
            async for change in changes:
                printer.each(Row(change), partial(_tell, change))

    perform(ctx, action)


def export(
    ctx: typer.Context,
    container: ContainerArgument,
    *,
    output: Annotated[
        str | None, typer.Option("--output", "-o", metavar="FILE", help="Not to standard output.", show_default=False)
    ] = None,
) -> None:
    """Write the root file system of a container as a tar archive."""

    async def action(client: "Client") -> None:
        from containerd_py.cli.signals import left_in_order

        if output is None:
            if os.isatty(sys.stdout.fileno()):
                raise InvalidArgument("cannot write an archive to a terminal", step="export", hint="say --output FILE")
            await _write_export(client, container, sys.stdout.fileno())
        else:
            with left_in_order(), Progress(f"exporting {container}", 0):
                await _write_file(client, container, output)

    perform(ctx, action)


def _tell(change: "Change") -> None:
    write_line(printable(_text(change)))


def _text(change: "Change") -> str:
    return f"{_LETTERS[change.kind]} {change.path}"


async def _write_export(client: "Client", container: str, fd: int) -> None:
    from containerd_py.cli.streams import write_all

    async with contextlib.aclosing(client.files.export(container)) as archive:
        async for data in archive:
            await write_all(fd, data)


async def _write_file(client: "Client", container: str, path: str) -> None:
    """The file is there once it is whole; what is no file, such as a pipe, is written to as it is."""
    special = _is_special(path)
    temporary = path if special else f"{path}.{secrets.token_hex(4)}"
    flags = os.O_WRONLY | os.O_CLOEXEC | (0 if special else os.O_CREAT | os.O_EXCL)
    try:
        fd = os.open(temporary, flags, 0o600)
        try:
            await _write_export(client, container, fd)
        finally:
            os.close(fd)
        if not special:
            os.rename(temporary, path)
    except OSError as problem:
        cause = (problem.strerror or str(problem)).lower()
        raise InvalidArgument(f"cannot write {path!r}: {cause}", step="export", errno=problem.errno) from problem
    finally:
        if not special:
            with contextlib.suppress(FileNotFoundError, NotADirectoryError):
                os.unlink(temporary)


def _is_special(path: str) -> bool:
    return os.path.exists(path) and not os.path.isfile(path)
