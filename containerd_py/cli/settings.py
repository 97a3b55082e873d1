"""What holds for every command: the socket, the format, and how its coroutine is run and its failure told."""

import enum
import signal
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from containerd_py.cli.complaints import complain, plain_code
from containerd_py.cli.completion.daemon import SOCKET_VARIABLE
from containerd_py.cli.completion.values import formats
from containerd_py.cli.output import silence_stdout
from containerd_py.client.address import DEFAULT_SOCKET
from containerd_py.errors import ContainerdError, Internal

if TYPE_CHECKING:
    from containerd_py.client import Client


class Format(enum.StrEnum):
    TABLE = "table"
    JSON = "json"


@dataclass(frozen=True, slots=True)
class Settings:
    socket_path: str = DEFAULT_SOCKET
    format: str = Format.TABLE
    """A `Format`, or a template."""


class Detached(Exception):
    """Somebody has typed the keys that leave a container; it goes on."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


class LeftBySignal(Exception):
    """A signal made this process leave a container that goes on without it."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.exit_code = 128 + number


SocketOption = Annotated[
    str, typer.Option("--socket", envvar=SOCKET_VARIABLE, metavar="PATH", help="The daemon's Unix socket.")
]


def _format(text: str) -> str:
    if text in list(Format) or "{{" in text:
        return text
    raise typer.BadParameter(f"{text!r} is neither table, json nor a template such as '{{{{.ID}}}}'")


FORMAT_HELP = "How to print: table, json, or a template as docker has it: '{{.ID}}', 'table {{.ID}}\\t{{.Name}}'."
FormatOption = Annotated[
    str | None,
    typer.Option(
        "--format", metavar="FORMAT", help=FORMAT_HELP, parser=_format, autocompletion=formats, show_default=False
    ),
]
ShortFormatOption = Annotated[
    str | None,
    typer.Option(
        "--format", "-f", metavar="FORMAT", help=FORMAT_HELP, parser=_format, autocompletion=formats, show_default=False
    ),
]
Action = Callable[["Client"], Awaitable[int | None]]


def wants_json(ctx: typer.Context, chosen: str | None) -> bool:
    """Return whether to print JSON: the option after the command, else the one before it, decides.

    For commands that cannot use a template: it is a usage error there. Others use `printing.printer_of`.
    """
    text = chosen or settings_of(ctx).format
    if text not in list(Format):
        raise typer.BadParameter("this command prints nothing that a template could pick from: table or json")
    return text == Format.JSON


def settings_of(ctx: typer.Context) -> Settings:
    settings = ctx.obj
    return settings if isinstance(settings, Settings) else Settings()


def perform(ctx: typer.Context, action: Action, code_of: Callable[[ContainerdError], int] = plain_code) -> None:
    """Run `action` with an open client and end the command with the exit code it returns (None: 0).

    code_of: the exit code for an error that the action raised; the error is told on stderr in one line.
    """
    raise typer.Exit(outcome(settings_of(ctx).socket_path, action, code_of))


def outcome(socket_path: str, action: Action, code_of: Callable[[ContainerdError], int]) -> int:
    """Do it, and return the exit code, as `perform`."""
    try:
        import asyncio  # here, for the completion's sake

        code = asyncio.run(_with_client(socket_path, action)) or 0
    except ContainerdError as error:
        complain(error)
        code = code_of(error)
    except LeftBySignal as left:
        code = left.exit_code
    except Detached as left:
        if sys.stderr.isatty():
            sys.stderr.write("\n")  # what the container has written may have no line end
        complain(f"left {left.name!r}: it goes on")
        code = 0
    except BrokenPipeError:
        silence_stdout()
        code = 128 + signal.SIGPIPE
    except OSError as error:  # of this process's own streams: a full disk, a terminal that hung up
        failure = Internal(f"cannot copy the streams: {(error.strerror or str(error)).lower()}", errno=error.errno)
        complain(failure)
        code = code_of(failure)
    except KeyboardInterrupt:
        code = 128 + signal.SIGINT
    return code


async def _with_client(socket_path: str, action: Action) -> int | None:
    from containerd_py.client import Client

    async with Client(socket_path) as client:
        return await action(client)
