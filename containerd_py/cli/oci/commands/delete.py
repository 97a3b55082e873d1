"""Remove what a container that has ended still holds."""

from __future__ import annotations

from containerd_py.cli.oci import standard_streams
from containerd_py.errors import ContainerdError, Internal, InvalidArgument, NotFound

TYPE_CHECKING = False
if TYPE_CHECKING:
    from containerd_py.cli.oci.arguments import Options, Parser
    from containerd_py.cli.oci.context import Context

FAILURE = 1


def declare(parser: Parser) -> None:
    parser.switch("--force", "-f", help="kill it first where it runs; it is no error when there is no such container")
    parser.switch("--regex", "-r", help="remove all containers in whose id this regular expression is found; crun's")
    parser.container()


def perform(options: Options, context: Context) -> int:
    if not options.regex:
        _delete(options.id, context, force=options.force)
        return 0
    failed: ContainerdError | None = None
    for container_id in _matching(options.id, context):
        try:
            _delete(container_id, context, force=options.force)
        except ContainerdError as problem:
            failed = failed or problem
    if failed is not None:
        raise failed
    return 0


def _matching(pattern: str, context: Context) -> list[str]:
    """Return the ids in which the pattern is found."""
    import re

    try:
        found = re.compile(pattern, re.ASCII)
    except re.error as problem:
        raise InvalidArgument(f"cannot use {pattern!r} as a regular expression: {problem}", step="parse") from problem
    states = context.containers().list(context.settings.state_root)
    return [state.id for state in states if found.search(state.id)]


def _delete(container_id: str, context: Context, *, force: bool) -> None:
    try:
        container = context.load(container_id)
    except NotFound:
        left = context.containers().forget(container_id, state_root=context.settings.state_root, force=force)
        if not left and not force:
            raise
    except Internal as problem:
        if not force:
            raise
        _discard(container_id, context, problem)
    else:
        container.destroy(force=force)


def _discard(container_id: str, context: Context, problem: Internal) -> None:
    """Remove what is left of a container whose state cannot be read, and say what could not."""
    damaged = context.containers().discard(container_id, state_root=context.settings.state_root)
    told = f"removed container {container_id!r}, of which {', '.join(damaged)} is damaged: {problem.message}"
    standard_streams.say(told)
