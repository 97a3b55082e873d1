"""Write a config.json to begin with."""

from __future__ import annotations

import os

from containerd_py.errors import Conflict, InvalidArgument
from containerd_py.light import json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from containerd_py.cli.oci.arguments import Options, Parser
    from containerd_py.cli.oci.context import Context

FAILURE = 1


def declare(parser: Parser) -> None:
    parser.add_argument("--bundle", "-b", default=".", metavar="DIR", help="where to (default: the current directory)")
    parser.switch("--rootless", help="for an ordinary user: with a user namespace, without what such a user may not do")


def perform(options: Options, _context: Context) -> int:
    from containerd_py.cli.oci.template import rootless, template

    document = template()
    if options.rootless:
        document = rootless(document, uid=os.geteuid(), gid=os.getegid())
    path = os.path.join(options.bundle, "config.json")
    try:
        with open(path, "x", encoding="utf-8") as file:
            file.write(json.dumps(document, indent="\t") + "\n")
    except FileExistsError:
        raise Conflict(f"cannot write {path!r}: it is there already", step="spec", hint="remove it first") from None
    except OSError as problem:
        raise InvalidArgument(f"cannot write {path!r}: {problem.strerror}", step="spec") from problem
    return 0
