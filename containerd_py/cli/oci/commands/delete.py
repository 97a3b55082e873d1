"""Remove what a container that has ended still holds."""

from __future__ import annotations

import sys

from containerd_py.errors import Internal, NotFound

TYPE_CHECKING = False
if TYPE_CHECKING:
    from containerd_py.cli.oci.arguments import Options, Parser
    from containerd_py.cli.oci.context import Context

FAILURE = 1


def declare(parser: Parser) -> None:
    parser.switch("--force", "-f", help="kill it first where it runs; it is no error when there is no such container")
    parser.container()


def perform(options: Options, context: Context) -> int:
    try:
        container = context.load(options.id)
    except NotFound:
        left = context.containers().forget(options.id, state_root=context.settings.state_root)
        if not left and not options.force:
            raise
        return 0
    except Internal as problem:
        if not options.force:
            raise
        _discard(options.id, context, problem)
        return 0
    container.destroy(force=options.force)
    return 0


def _discard(container_id: str, context: Context, problem: Internal) -> None:
    """Remove what is left of a container whose state cannot be read, and say what could not."""
    from containerd_py.cli.output import printable

    damaged = context.containers().discard(container_id, state_root=context.settings.state_root)
    told = f"removed container {container_id!r}, of which {', '.join(damaged)} is damaged: {problem.message}"
    sys.stderr.write(printable(f"pyrunc: {told}") + "\n")
