"""Print the state of a container as the specification has it."""

from __future__ import annotations

import sys

from containerd_py.cli.oci.listing import document
from containerd_py.light import json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from containerd_py.cli.oci.arguments import Options, Parser
    from containerd_py.cli.oci.context import Context

FAILURE = 1


def declare(parser: Parser) -> None:
    parser.container()


def perform(options: Options, context: Context) -> int:
    sys.stdout.write(json.dumps(document(context.load(options.id).state(), owner=False), indent=2) + "\n")
    return 0
