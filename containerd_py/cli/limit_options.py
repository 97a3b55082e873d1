"""The options that limit what a container uses, as `run`, `create`, `explain` and `update` take them."""

from dataclasses import dataclass
from typing import Annotated

import typer


@dataclass(frozen=True, kw_only=True)
class LimitOptions:
    """`requests` gives them their meaning."""

    pids_limit: Annotated[int | None, typer.Option("--pids-limit", metavar="N", help="At most so many processes.")] = None
    memory: Annotated[
        str | None, typer.Option("--memory", "-m", metavar="SIZE", help="At most so much memory: 64m, 1g, or bytes.")
    ] = None
    memory_swap: Annotated[
        str | None,
        typer.Option("--memory-swap", metavar="SIZE", help="At most so much memory and swap together; -1: no limit."),
    ] = None
    memory_reservation: Annotated[
        str | None,
        typer.Option("--memory-reservation", metavar="SIZE", help="So much is left to it where memory is short."),
    ] = None
    cpus: Annotated[float | None, typer.Option(metavar="N", help="At most so many CPUs: 0.5, 2.")] = None
    cpu_shares: Annotated[
        int | None, typer.Option("--cpu-shares", "-c", metavar="N", help="Its part where CPUs are short; 1024 is usual.")
    ] = None
    cpuset_cpus: Annotated[str | None, typer.Option("--cpuset-cpus", metavar="LIST", help="Only these CPUs: 0-3,7.")] = None
    cpuset_mems: Annotated[
        str | None, typer.Option("--cpuset-mems", metavar="LIST", help="Memory of these nodes only.")
    ] = None
    blkio_weight: Annotated[
        int | None,
        typer.Option("--blkio-weight", metavar="N", help="Its part of block I/O where that is short: 10 to 1000."),
    ] = None
