"""The entry point of `pyctr`: the options before the command, the commands, and how usage errors are told."""

import contextlib
import io
import sys
from collections.abc import Sequence
from typing import Annotated

import typer

import containerd_py
from containerd_py.cli import missing_streams
from containerd_py.cli.absent import hint_for
from containerd_py.cli.commands import (
    control,
    events,
    execs,
    execute,
    files,
    follow,
    groups,
    host,
    lifecycle,
    measure,
    operations,
    run,
    shell,
    show,
)
from containerd_py.cli.complaints import CANNOT_RUN, complain
from containerd_py.cli.completion.protocol import ASKED
from containerd_py.cli.output import silence_stdout, write_line
from containerd_py.cli.settings import Format, FormatOption, Settings, SocketOption
from containerd_py.client.address import DEFAULT_SOCKET

# typer brought its own copy of click in 2026; its errors are found through the one class that it always exported.
_UsageError: type[Exception] = typer.BadParameter.__mro__[2]
_STARTERS = ("run", "create", "start", "exec")

app = typer.Typer(
    name="pyctr",
    help="Run containers with pycontainerd.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    add_completion=False,
)
for group in (
    run,
    execute,
    execs,
    show,
    lifecycle,
    control,
    files,
    measure,
    follow,
    events,
    operations,
    host,
    shell,
    groups,
):
    group.register(app)


def _tell_version(asked: bool) -> None:  # noqa: FBT001  # as typer calls it
    if asked:
        write_line(f"pyctr {containerd_py.__version__}")
        raise typer.Exit


VersionOption = Annotated[
    bool,
    typer.Option("--version", "-v", help="Print the version of pyctr.", callback=_tell_version, is_eager=True),
]


@app.callback()
def options(
    ctx: typer.Context,
    *,
    socket: SocketOption = DEFAULT_SOCKET,
    format_: FormatOption = None,
    version: VersionOption = False,
) -> None:
    """Run containers with pycontainerd."""
    del version
    ctx.obj = Settings(socket, format_ or Format.TABLE)


def main(argv: Sequence[str] | None = None) -> int:
    """Perform one command and return its exit code; argv: without the program's name (default: this process's)."""
    missing_streams.complete()
    given = sys.argv[1:] if argv is None else list(argv)
    if given and given[0] in ASKED:
        return _complete(*given)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        code = app(args=given, prog_name="pyctr", standalone_mode=False)
    except _UsageError as error:
        code = _usage_error(error)
    except KeyboardInterrupt:
        code = 130
    _flush()
    return code if isinstance(code, int) else 0


def _complete(asked: str, *given: str) -> int:
    from containerd_py.cli.completion.protocol import answer

    sys.stdout.write("".join(f"{line}\n" for line in answer(typer.main.get_command(app), asked, given)))
    return 0


def _usage_error(error: Exception) -> int:
    """Tell a usage error in one line and return 2, or 125 where a container was to be run; help is printed as it is."""
    ctx = getattr(error, "ctx", None)
    message = str(error.format_message()) if hasattr(error, "format_message") else str(error)
    if type(error).__name__ == "NoArgsIsHelpError":
        with contextlib.suppress(BrokenPipeError):
            sys.stderr.write(message + "\n")
        return 2
    message, _, meant = message.partition(" (Possible options: ")
    words = message.replace(": Value error, ", ": ").rstrip(".")
    hint = hint_for(message, getattr(ctx, "info_name", None))
    if hint is None:
        hint = f"did you mean {meant.rstrip(')')}? " if meant else ""
        hint += f"see `{getattr(ctx, 'command_path', 'pyctr')} --help`"
    complain(words[:1].lower() + words[1:], hint=hint)
    return CANNOT_RUN if getattr(ctx, "info_name", None) in _STARTERS else 2


def _flush() -> None:
    try:
        sys.stdout.flush()
    except OSError:  # nobody reads it, or there is no room: told already, or of no use
        silence_stdout()


if __name__ == "__main__":
    sys.exit(main())
