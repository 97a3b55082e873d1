"""Change the resource limits of a container."""

from __future__ import annotations

from containerd_py.cli.oci.arguments import size_bytes
from containerd_py.cli.oci.bundle import ignoring, read_document

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from containerd_py.cli.oci.arguments import Options, Parser
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
    ("kernel-memory", "memory", "kernel", "kernel memory: no Linux since 5.16 limits it apart"),
    ("kernel-memory-tcp", "memory", "kernelTCP", "memory of TCP buffers, of cgroup v1"),
)
_LISTS: tuple[tuple[str, str, str, str], ...] = (
    ("cpuset-cpus", "cpu", "cpus", "the CPUs, such as 0-3,7"),
    ("cpuset-mems", "cpu", "mems", "the memory nodes"),
)
_SHARES: tuple[tuple[str, str, str], ...] = (
    ("l3-cache-schema", "l3CacheSchema", "share of the last cache by Intel RDT, such as L3:0=7f0;1=1f"),
    ("mem-bw-schema", "memBwSchema", "share of memory bandwidth by Intel RDT, such as MB:0=20;1=70"),
)


_STRICT = ("blkio-weight", "pids-limit")
"""What runc reads as numbers; the others are texts to it, and as good as absent where they are empty."""


def declare(parser: Parser) -> None:
    parser.add_argument("--resources", "-r", metavar="FILE", help='read linux.resources from there ("-": standard input)')
    for table, kind in ((_LIMITS, int), (_SIZES, size_bytes), (_LISTS, str)):
        for option, _controller, _key, text in table:
            reader = kind if option in _STRICT else _or_absent(kind)
            parser.add_argument(f"--{option}", type=reader, metavar="VALUE", help=text)
    for option, _key, text in _SHARES:
        parser.add_argument(f"--{option}", metavar="SCHEMA", help=text)
    parser.container()


def perform(options: Options, context: Context) -> int:
    from containerd_py.runtime.spec.resources import parse_resources

    shares = _of(options, _SHARES)
    asked = read_document(options.resources) if options.resources else document(options)
    with ignoring("resources", context.log.warning) as ignored:
        resources = parse_resources(asked, ignored=ignored)
    container = context.load(options.id)
    if shares:  # before limits: what it needs of the host is rarely there
        container.share(shares)
    container.update(resources)
    return 0


def _or_absent(kind: Callable[[str], object]) -> Callable[[str], object]:
    return lambda text: kind(text) if text else None


def document(options: Options) -> dict[str, Any]:
    """Return linux.resources as the single options give it."""
    made: dict[str, Any] = {}
    for option, controller, key, _text in (*_LIMITS, *_SIZES, *_LISTS):
        value = getattr(options, option.replace("-", "_"))
        if value is not None:
            made.setdefault(controller, {})[key] = value
    return made


def _of(options: Options, table: tuple[tuple[str, str, str], ...]) -> dict[str, str]:
    """Return what is given, and not empty, by its key."""
    values = ((key, getattr(options, option.replace("-", "_"))) for option, key, _text in table)
    return {key: value for key, value in values if value}
