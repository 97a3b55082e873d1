"""What holds for every command: the socket, the format, and how its coroutine is run and its failure told."""

import asyncio
import enum
import signal
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated

import typer

from containerd_py.cli.complaints import complain, plain_code
from containerd_py.cli.output import silence_stdout
from containerd_py.client import DEFAULT_SOCKET, Client
from containerd_py.errors import ContainerdError, Internal

SOCKET_VARIABLE = "PYCONTAINERD_SOCKET"


class Format(enum.StrEnum):
    TABLE = "table"
    JSON = "json"


@dataclass(frozen=True, slots=True)
class Settings:
    socket_path: str = DEFAULT_SOCKET
    format: Format = Format.TABLE


class LeftBySignal(Exception):
    """A signal made this process leave a container that goes on without it."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.exit_code = 128 + number


class Detached(Exception):
    """Somebody has typed the keys that leave a container; it goes on."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


SocketOption = Annotated[
    str, typer.Option("--socket", envvar=SOCKET_VARIABLE, metavar="PATH", help="The daemon's Unix socket.")
]
FormatOption = Annotated[
    Format | None, typer.Option("--format", help="How to print: a table for people, or JSON.", show_default=False)
]
Action = Callable[[Client], Awaitable[int | None]]


def wants_json(ctx: typer.Context, chosen: Format | None) -> bool:
    """Return whether to print JSON: the option after the command, else the one before it, decides."""
    return (chosen or settings_of(ctx).format) is Format.JSON


def settings_of(ctx: typer.Context) -> Settings:
    settings = ctx.obj
    return settings if isinstance(settings, Settings) else Settings()


def perform(ctx: typer.Context, action: Action, code_of: Callable[[ContainerdError], int] = plain_code) -> None:
    """Run `action` with an open client and end the command with the exit code it returns (None: 0).

    code_of: the exit code for an error that the action raised; the error is told on stderr in one line.
    """
    try:
        code = asyncio.run(_with_client(settings_of(ctx).socket_path, action)) or 0
    except ContainerdError as error:
        complain(error)
        code = code_of(error)
    except LeftBySignal as left:
        code = left.exit_code
    except Detached as left:
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
    raise typer.Exit(code)


async def _with_client(socket_path: str, action: Action) -> int | None:
    async with Client(socket_path) as client:
        return await action(client)
