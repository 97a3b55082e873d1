"""Print the time that each step of a container's making and of its start took."""

from __future__ import annotations

import sys

from containerd_py.light import json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from containerd_py.cli.oci.arguments import Options, Parser
    from containerd_py.cli.oci.context import Context
    from containerd_py.runtime.timing import TimedStep

FAILURE = 1
_HEADERS = ("PHASE", "START µs", "DURATION µs", "STEP", "DESCRIPTION")


def declare(parser: Parser) -> None:
    parser.add_argument("--format", "-f", choices=("table", "json"), default="table", help="(default: table)")
    parser.container()


def perform(options: Options, context: Context) -> int:
    steps = context.load(options.id).timeline()
    as_json = options.format == "json"
    sys.stdout.write(json.dumps([_document(one) for one in steps], indent=2) + "\n" if as_json else _table(steps))
    return 0


def _document(one: TimedStep) -> dict[str, object]:
    times = {"startUs": one.start_ns / 1000, "durationUs": one.duration_ns / 1000}
    return {"phase": one.phase, "step": one.step, "description": one.task, **times}


def _table(steps: Sequence[TimedStep]) -> str:
    from containerd_py.cli.output import printable

    rows = [_HEADERS]
    for one in steps:
        times = f"{one.start_ns / 1000:.1f}", f"{one.duration_ns / 1000:.1f}"
        rows.append((one.phase, *times, one.step, printable(one.task)))
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    return "".join(
        f"{row[0]:<{widths[0]}}  {row[1]:>{widths[1]}}  {row[2]:>{widths[2]}}  {row[3]:<{widths[3]}}  {row[4]}\n"
        for row in rows
    )
