"""Print the kernel operations that a container of a bundle is made by, in their order; nothing is made."""

from __future__ import annotations

import sys

from containerd_py.cli.oci.bundle import read_spec
from containerd_py.light import json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from containerd_py.cli.oci.arguments import Options, Parser
    from containerd_py.cli.oci.context import Context
    from containerd_py.runtime.plan.plan import Plan

FAILURE = 1
_ID = "explained"


def declare(parser: Parser) -> None:
    parser.add_argument("--format", "-f", choices=("table", "json"), default="table", help="(default: table)")
    parser.add_argument("bundle", nargs="?", default=".", metavar="bundle", help="(default: the current directory)")


def perform(options: Options, context: Context) -> int:
    spec = read_spec(options.bundle, warn=context.log.warning)
    plan = context.containers().explain(
        _ID,
        spec,
        state_root=context.settings.state_root,
        bundle=options.bundle,
        systemd_cgroup=context.settings.by_systemd,
    )
    sys.stdout.write(json.dumps(_document(plan), indent=2) + "\n" if options.format == "json" else _table(plan))
    return 0


def _document(plan: Plan) -> dict[str, object]:
    steps = [
        {"index": index, "step": one.step, "description": one.describe(), "origin": one.origin}
        for index, one in enumerate(plan.operations)
    ]
    return {"namespaces": list(plan.namespaces), "steps": steps}


def _table(plan: Plan) -> str:
    from containerd_py.cli.output import printable

    width = max(len(one.step) for one in plan.operations)
    lines = [f"namespaces: {', '.join(plan.namespaces)}"]
    for index, one in enumerate(plan.operations):
        asked = f"  ({one.origin})" if one.origin else ""
        lines.append(f"{index:>3}. {one.step:<{width}}  {one.describe()}{asked}")
    return "".join(printable(line) + "\n" for line in lines)
