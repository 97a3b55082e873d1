"""Remove what a container that has ended still holds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from containerd_py.cli.oci.notify import NotifySocket
from containerd_py.errors import NotFound

if TYPE_CHECKING:
    import argparse

    from containerd_py.cli.oci.arguments import Parser
    from containerd_py.cli.oci.context import Context

FAILURE = 1


def declare(parser: Parser) -> None:
    parser.switch("--force", "-f", help="kill it first where it runs; it is no error when there is no such container")
    parser.container()


def perform(options: argparse.Namespace, context: Context) -> int:
    try:
        container = context.load(options.id)
    except NotFound:
        left = context.containers().forget(options.id, state_root=context.settings.state_root)
        if not left and not options.force:
            raise
        return 0
    container.destroy(force=options.force)
    NotifySocket(context.settings.state_root, options.id).remove()
    return 0
