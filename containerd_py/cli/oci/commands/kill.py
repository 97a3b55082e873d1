"""Send a signal to the container's first process, or to all of them."""

from __future__ import annotations

from containerd_py.cli.oci.signals import parse_signal
from containerd_py.errors import Conflict

TYPE_CHECKING = False
if TYPE_CHECKING:
    from containerd_py.cli.oci.arguments import Options, Parser
    from containerd_py.cli.oci.context import Context

FAILURE = 1


def declare(parser: Parser) -> None:
    parser.switch("--all", "-a", help="send it to every process of the container")
    parser.container()
    parser.add_argument("signal", nargs="?", default="TERM", help="a name or a number (default: TERM)")


def perform(options: Options, context: Context) -> int:
    number = parse_signal(options.signal or "TERM")  # as runc takes an empty word
    container = context.load(options.id)
    try:
        container.kill(number, everything=options.all)
    except Conflict as problem:
        if options.all:  # none is left that could get it
            return 0
        cause = "container not running"  # runc's words, which callers look for
        raise Conflict(f"cannot kill container {options.id!r}: {cause}", step="kill") from problem
    return 0
