"""Create a container, whose process waits for `start`."""

from __future__ import annotations

from containerd_py.cli.oci import creation
from containerd_py.cli.oci.signals import Forwarding

TYPE_CHECKING = False
if TYPE_CHECKING:
    from containerd_py.cli.oci.arguments import Options, Parser
    from containerd_py.cli.oci.context import Context

FAILURE = 1


def declare(parser: Parser) -> None:
    creation.declare(parser)


def perform(options: Options, context: Context) -> int:
    spec, preserved = creation.read(options, context, detached=True)
    with Forwarding() as forwarding:
        creation.make_or_nothing(options, context, spec, preserved, None, forwarding)
    return 0
