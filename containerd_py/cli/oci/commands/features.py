"""Print what this runtime knows, and what of it this host can do (features.md of the specification)."""

from __future__ import annotations

import sys

from containerd_py.light import json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from containerd_py.cli.oci.arguments import Options, Parser
    from containerd_py.cli.oci.context import Context

FAILURE = 1


def declare(_parser: Parser) -> None:
    """It has no options."""


def perform(_options: Options, _context: Context) -> int:
    from containerd_py.cli.oci.abilities import document

    sys.stdout.write(json.dumps(document(), indent=4) + "\n")
    return 0
