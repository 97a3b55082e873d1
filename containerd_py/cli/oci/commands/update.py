"""Change the resource limits of a container."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from containerd_py.cli.oci.arguments import size_bytes
from containerd_py.cli.oci.bundle import ignoring, read_document
from containerd_py.errors import InvalidArgument, NotSupported

if TYPE_CHECKING:
    import argparse

    from containerd_py.cli.oci.arguments import Parser
    from containerd_py.cli.oci.context import Context

FAILURE = 1

_LIMITS: tuple[tuple[str, str, str, str], ...] = (
    ("blkio-weight", "blockIO", "weight", "weight among others, 10 to 1000"),
    ("cpu-period", "cpu", "period", "CFS period in microseconds"),
    ("cpu-quota", "cpu", "quota", "CFS time in a period, in microseconds; -1 for no limit"),
    ("cpu-burst", "cpu", "burst", "CFS time that may be saved up, in microseconds"),
    ("cpu-share", "cpu", "shares", "weight among others"),
    ("cpu-rt-period", "cpu", "realtimePeriod", "realtime period in microseconds"),
    ("cpu-rt-runtime", "cpu", "realtimeRuntime", "realtime time in a period, in microseconds"),
    ("cpu-idle", "cpu", "idle", "1: only what nobody else wants, 0: the usual"),
    ("pids-limit", "pids", "limit", "how many tasks there may be; -1 for no limit"),
)
_SIZES: tuple[tuple[str, str, str, str], ...] = (
    ("memory", "memory", "limit", "memory, such as 512m; -1 for no limit"),
    ("memory-reservation", "memory", "reservation", "memory that is kept for it"),
    ("memory-swap", "memory", "swap", "memory and swap together; -1 for no limit"),
)
_LISTS: tuple[tuple[str, str, str, str], ...] = (
    ("cpuset-cpus", "cpu", "cpus", "the CPUs, such as 0-3,7"),
    ("cpuset-mems", "cpu", "mems", "the memory nodes"),
)


def declare(parser: Parser) -> None:
    parser.add_argument("--resources", "-r", metavar="FILE", help='read linux.resources from there ("-": standard input)')
    for table, kind in ((_LIMITS, int), (_SIZES, size_bytes), (_LISTS, str)):
        for option, _controller, _key, text in table:
            parser.add_argument(f"--{option}", type=kind, metavar="VALUE", help=text)
    parser.add_argument("--l3-cache-schema", metavar="SCHEMA", help="refused: Intel RDT is not updated")
    parser.add_argument("--mem-bw-schema", metavar="SCHEMA", help="refused: Intel RDT is not updated")
    parser.container()


def perform(options: argparse.Namespace, context: Context) -> int:
    from containerd_py.runtime.spec.resources import parse_resources

    asked = read_document(options.resources) if options.resources else document(options)
    with ignoring("resources", context.log.warning) as ignored:
        resources = parse_resources(asked, ignored=ignored)
    context.load(options.id).update(resources)
    return 0


def document(options: argparse.Namespace) -> dict[str, Any]:
    """Return linux.resources as the single options give it. Raises InvalidArgument where there are none."""
    if options.l3_cache_schema or options.mem_bw_schema:
        raise NotSupported("cannot update Intel RDT: it is set when a container is created", step="update")
    made: dict[str, Any] = {}
    for option, controller, key, _text in (*_LIMITS, *_SIZES, *_LISTS):
        value = getattr(options, option.replace("-", "_"))
        if value is not None:
            made.setdefault(controller, {})[key] = value
    if not made:
        raise InvalidArgument(
            "cannot update the container: no limit was given", step="update", hint="see pyrunc update --help"
        )
    return made
