"""List the processes of a container, by ps(1) of the host."""

from __future__ import annotations

import sys

from containerd_py.errors import DeadlineExceeded, InvalidArgument
from containerd_py.light import json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from containerd_py.cli.oci.arguments import Options, Parser
    from containerd_py.cli.oci.context import Context

FAILURE = 1
_PS_S = 10.0


def declare(parser: Parser) -> None:
    parser.add_argument("--format", "-f", choices=("table", "json"), default="table", help="(default: table)")
    parser.container()
    parser.add_argument("options", nargs="...", metavar="ps options", help="(default: -ef)")


def perform(options: Options, context: Context) -> int:
    pids = context.load(options.id).processes()
    if options.format == "json":
        sys.stdout.write(json.dumps(sorted(pids), separators=(",", ":")) + "\n")
    else:
        sys.stdout.write(only(_ps(options.options or ["-ef"]), pids))
    return 0


def only(table: str, pids: Collection[int]) -> str:
    """Return those lines of a table of ps(1) that are of these processes, and its headers."""
    headers, *lines = table.splitlines(keepends=True) or [""]
    if "PID" not in headers.split():
        raise InvalidArgument("cannot find the processes in the output of ps: it has no column PID", step="ps")
    column = headers.split().index("PID")
    wanted = set(map(str, pids))
    return headers + "".join(line for line in lines if len(cells := line.split()) > column and cells[column] in wanted)


def _ps(options: Sequence[str]) -> str:
    import subprocess

    try:
        command = ["ps", *options]
        ended = subprocess.run(command, capture_output=True, check=False, timeout=_PS_S)  # noqa: S603 - the host's, as runc
    except subprocess.TimeoutExpired:  # a command line is read under the lock of its process's memory
        raise DeadlineExceeded(
            f"cannot list processes: ps did not end in {_PS_S:g} s, and was killed",
            step="ps",
            hint="a process keeps its command line from being read; use --format json",
        ) from None
    except FileNotFoundError:
        raise InvalidArgument("cannot list processes: ps is not there", step="ps", hint="use --format json") from None
    if ended.returncode:
        cause = ended.stderr.decode(errors="replace").strip().splitlines() or [f"exit code {ended.returncode}"]
        raise InvalidArgument(f"cannot list processes: ps says {cause[0]!r}", step="ps")
    return ended.stdout.decode(errors="replace")
