"""`make bench`: measure against crun and runc in one run, whose rounds alternate so that noise hits all alike.

No figure here is a test: none fails a build.
"""

import argparse
import asyncio
import dataclasses
import json
import os
import random
import signal
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from tests.bench import living, load, machine, memory, page
from tests.bench.connection import Connection, Failed
from tests.bench.containers import REQUESTS, Lap, created, lap, step_costs
from tests.bench.daemon import Daemon, body
from tests.bench.figures import Laps, Living, Residence, Results, Spread
from tests.bench.report import OURS, table
from tests.bench.rootfs import make_rootfs
from tests.bench.runtimes import Launcher, Runtime, found, runtimes, write_bundle

_WARM_UP = 5
_STARTS = 10
_TIMELINES = 20
_CONTAINERS = 20
_BASELINE = "(launching `true`, a part of theirs)"


def main() -> int:
    options = _options()
    if os.geteuid() != 0:
        sys.stderr.write("bench: must be root\n")
        return 1
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda number, _frame: sys.exit(128 + number))
    # below /tmp: the path of a socket has 107 bytes at most
    with tempfile.TemporaryDirectory(prefix="pycontainerd-bench.", dir="/tmp") as folder:
        try:
            results = measure(Path(folder), options)
        except Failed as failure:
            sys.stderr.write(f"bench: {failure}\n")
            return 1
    sys.stdout.write(table(results))
    if options.page:
        page.put(options.page, table(results))
    if options.json:
        options.json.write_text(json.dumps(dataclasses.asdict(results), indent=2) + "\n")
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description="Measure against crun and runc.")
    parser.add_argument("--rounds", type=int, default=100, help="how often each one runs its container (default: 100)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the results there too")
    parser.add_argument("--page", type=Path, metavar="FILE", help="put the table into its block of this page too")
    load.declare(parser)
    options = parser.parse_args()
    if options.rounds < 2:
        parser.error("--rounds must be 2 or more")
    load.check(parser, options)
    if options.page:
        try:
            page.check(options.page)
        except (OSError, ValueError) as problem:
            parser.error(str(problem))
    return options


def measure(folder: Path, options: argparse.Namespace) -> Results:
    """options: rounds, containers, mebibytes."""
    rootfs = make_rootfs(folder)
    starts = measure_starts(folder, min(_STARTS, options.rounds))
    place = folder / "daemon"
    place.mkdir()
    daemon = Daemon(place)
    try:
        daemon.start()
        with Connection(daemon.socket) as connection:
            results = _measure_daemon(daemon, connection, folder, rootfs, options.rounds, starts)
        crowd = load.measure(daemon, rootfs, containers=options.containers, mebibytes=options.mebibytes)
        return dataclasses.replace(results, load=crowd)
    finally:
        daemon.stop()


def _measure_daemon(
    daemon: Daemon, connection: Connection, folder: Path, rootfs: Path, rounds: int, starts: Spread
) -> Results:
    request = body(rootfs, "/bin/true")
    idle = memory.held(connection)
    write_bundle(folder / "bundle", document(connection, request))
    with runtimes(folder / "bundle") as (launcher, others):
        here = machine.describe(
            tuple(each.version() for each in others[:2]), connection.json("GET", "/v1/info")["cgroup_driver"]
        )
        laps = alternate(connection, request, launcher, others, rounds)
        alive = measure_living(daemon.socket, connection, rootfs, others, rounds)
    return Results(
        machine=here,
        rounds=rounds,
        laps=laps,
        starts=starts,
        living=alive,
        residence=measure_memory(connection, rootfs, idle),
        costs_us=measure_steps(connection, request, min(_TIMELINES, rounds)),
    )


def measure_starts(folder: Path, count: int) -> Spread:
    seconds = []
    for number in range(count):
        place = folder / f"start-{number}"
        place.mkdir()
        daemon = Daemon(place)
        try:
            seconds.append(daemon.start())
        finally:
            daemon.stop()
    return Spread.of(seconds)


def document(connection: Connection, request: bytes) -> dict[str, Any]:
    """Return the OCI document that the request is lowered to."""
    container = connection.json("POST", "/v1/containers", request)["id"]
    oci: dict[str, Any] = connection.json("GET", f"/v1/containers/{container}")["oci"]
    connection.request("DELETE", f"/v1/containers/{container}")
    return oci


def alternate(connection: Connection, request: bytes, launcher: Launcher, others: Sequence[Runtime], rounds: int) -> Laps:
    """Have each one run its container once a round, in an order drawn anew for each round (the same in each run)."""
    ours: list[Lap] = []
    program = found("true")

    def our_lap() -> float:
        ours.append(lap(connection, request))
        return ours[-1].total_s

    contestants: dict[str, Callable[[], float]] = {OURS: our_lap}
    contestants |= {other.title: other.run for other in others}
    contestants[_BASELINE] = lambda: launcher.run(program)
    seconds = _take_turns(contestants, rounds)
    measured = ours[_WARM_UP:]
    return Laps(
        contestants={name: Spread.of(taken) for name, taken in seconds.items()},
        requests={name: Spread.of([each.seconds[i] for each in measured]) for i, name in enumerate(REQUESTS)},
    )


def _take_turns(contestants: Mapping[str, Callable[[], float]], rounds: int) -> dict[str, list[float]]:
    names = list(contestants)
    seconds: dict[str, list[float]] = {name: [] for name in names}
    for number in range(_WARM_UP + rounds):
        for name in random.Random(number).sample(names, k=len(names)):  # noqa: S311
            seconds[name].append(contestants[name]())
    return {name: taken[_WARM_UP:] for name, taken in seconds.items()}


def measure_living(socket: str, connection: Connection, rootfs: Path, others: Sequence[Runtime], rounds: int) -> Living:
    """others: those are compared with that are named by their program alone."""
    plain = [other for other in others if other.title == other.name]
    with living.executing(connection, rootfs, plain) as ways:
        executed = _take_turns(ways, rounds)
    with living.clients(socket, rootfs) as ways:
        clients = _take_turns(ways, rounds)
    return Living(
        executed={name: Spread.of(taken) for name, taken in executed.items()},
        ended=living.endings(connection, rootfs, rounds),
        told=asyncio.run(living.conversations(socket, rootfs)),
        clients={name: Spread.of(taken) for name, taken in clients.items()},
    )


def measure_memory(connection: Connection, rootfs: Path, idle: memory.Held) -> Residence:
    after_rounds = memory.held(connection)
    with created(connection, rootfs, _CONTAINERS) as ids:
        workers = [connection.json("GET", f"/v1/containers/{container}")["pid"] for container in ids]
        waiting = memory.held(connection, workers)
        for container in ids:
            connection.request("POST", f"/v1/containers/{container}/start")
        running = memory.held(connection)
    return Residence(idle=idle, after_rounds=after_rounds, created=waiting, running=running, containers=_CONTAINERS)


def measure_steps(connection: Connection, request: bytes, count: int) -> dict[str, float]:
    """Return the median of each step in microseconds, the greatest first."""
    seen = [step_costs(connection, request) for _ in range(count)]
    costs = {
        name: median(costs.get(name, 0.0) for costs in seen) for name in {name: None for each in seen for name in each}
    }
    return dict(sorted(costs.items(), key=lambda item: -item[1]))


if __name__ == "__main__":
    sys.exit(main())
