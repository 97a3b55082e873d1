"""The way of one command of `pyrunc`: its options are read, it is performed, and what failed is told in one line."""

from __future__ import annotations

import errno
import os
import sys

from containerd_py.cli.oci import commands, standard_streams
from containerd_py.cli.oci.arguments import REST, Asked, Parser, UsageError
from containerd_py.cli.oci.context import Context
from containerd_py.cli.oci.library import library
from containerd_py.cli.oci.log import Log
from containerd_py.cli.oci.settings import declare, log, settings
from containerd_py.cli.oci.signals import Interrupted
from containerd_py.errors import ContainerdError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from containerd_py.cli.oci.arguments import Options
    from containerd_py.cli.oci.containers import Containers

FAILED = 1
UNKNOWN_COMMAND = 3
"""runc's own code for it."""

_HINTS = {errno.EMFILE: "raise the limit of open files (RLIMIT_NOFILE, ulimit -n) of whoever calls it"}


def main(argv: Sequence[str] | None = None, *, containers: Callable[[], Containers] = library) -> int:
    """Perform one command and return its exit code; argv: without the program's name (default: this process's).

    containers: the library's, as in `library`.
    """
    call = _Call(list(sys.argv[1:] if argv is None else argv), containers)
    try:
        return call.perform()
    except UsageError as error:
        standard_streams.write_error(error.usage)
        _tell(error.message, None, call.log)
        return error.code
    except ContainerdError as error:
        _tell(error.message, error.hint, call.log)
    except OSError as error:
        if isinstance(error, BrokenPipeError):
            standard_streams.silence(1)
        _tell(f"cannot perform the command: {error}", _HINTS.get(error.errno or 0), call.log)
    except KeyboardInterrupt:
        return 130
    except Interrupted as end:
        return 128 + end.number
    except Exception as error:
        if call.log.debugging:
            raise
        _tell(
            f"cannot perform the command: {type(error).__name__}: {error}", "this is a defect: please report it", call.log
        )
    return call.failure


class _Call:
    """One command line. log, failure: where an error is to be told, and its exit code, as far as is known by then."""

    def __init__(self, arguments: list[str], containers: Callable[[], Containers]) -> None:
        self.log = Log(None)
        self.failure = FAILED
        self._arguments = arguments
        self._containers = containers

    def perform(self) -> int:
        try:
            return self._perform_asked()
        except Asked as answer:
            sys.stdout.write(answer.text)
            sys.stdout.flush()
            return 0

    def _perform_asked(self) -> int:
        parser = _parser()
        options = parser.read(self._arguments)
        if options.command in ("help", "h"):  # runc's is a command
            options = parser.read([*options.arguments[:1], "--help"])
        if options.version or options.command is None:
            raise Asked(_versions() if options.version else parser.format_help())
        self.log = log(options)
        return self._perform(options)

    def _perform(self, options: Options) -> int:
        command = _command(options.command)
        self.failure = command.FAILURE
        parser = Parser(f"pyrunc {options.command}", command.__doc__ or "")
        command.declare(parser)
        own = parser.read(options.arguments)
        self.log.debug(f"pyrunc {options.command} {' '.join(options.arguments)}")
        code = command.perform(own, Context(settings(options, os.environ), self._containers, os.environ, self.log))
        sys.stdout.flush()
        return code


def _parser() -> Parser:
    parser = Parser("pyrunc", "Open Container Initiative runtime")
    declare(parser)
    parser.switch("--version", "-v", help="print the versions")
    parser.add_argument("command", nargs="?", help=f"one of {', '.join(commands.NAMES)}")
    parser.add_argument("arguments", nargs=REST, help="see pyrunc COMMAND --help")
    return parser


def _versions() -> str:
    """In runc's form, whose first three lines callers read."""
    from containerd_py.cli.oci.versions import versions

    return versions()


def _command(name: str) -> commands.Command:
    if name not in commands.NAMES:
        cause = f"No help topic for {name!r}"  # runc's words, which callers look for
        raise UsageError(
            f"cannot perform command {name!r}: there is none ({cause})", _parser().format_usage(), code=UNKNOWN_COMMAND
        )
    return commands.load(name)


def _tell(message: str, hint: str | None, journal: Log) -> None:
    text = message + (f"; {hint}" if hint else "")
    journal.error(text)  # first: there it counts
    standard_streams.say(text)
