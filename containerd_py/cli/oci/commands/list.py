"""List the containers of the state root."""

from __future__ import annotations

import os
import sys

from containerd_py.cli.oci.listing import document, table
from containerd_py.errors import NotFound
from containerd_py.light import json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from containerd_py.cli.oci.arguments import Options, Parser
    from containerd_py.cli.oci.context import Context

FAILURE = 1


def declare(parser: Parser) -> None:
    parser.add_argument("--format", "-f", choices=("table", "json"), default="table", help="(default: table)")
    parser.switch("--quiet", "-q", help="print ids only")


def perform(options: Options, context: Context) -> int:
    _check_root(context)
    found = sorted(context.containers().list(context.settings.state_root), key=lambda state: state.id)
    if options.quiet:
        text = "".join(f"{state.id}\n" for state in found)
    elif options.format == "json":
        text = json.dumps([document(state) for state in found] or None, separators=(",", ":")) + "\n"
    else:
        text = table(found)
    sys.stdout.write(text)
    return 0


def _check_root(context: Context) -> None:
    """The directory itself is made by the first container, and goes with the last; what it lies in is there."""
    root = context.settings.state_root
    if context.settings.root_given and not os.path.isdir(os.path.dirname(root)):
        raise NotFound(f"cannot list containers of {root!r}: no such file or directory", step="find")
