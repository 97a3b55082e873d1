"""Many containers, many clients, much output: what one daemon does under load. Run alone: `python -m tests.bench.load`."""

import argparse
import asyncio
import os
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import TypeVar

from containerd_py.client import Attachment, Client
from containerd_py.wire import ContainerSpec, LogSpec
from tests.bench import memory, podman
from tests.bench.connection import Connection, Failed
from tests.bench.daemon import Daemon, body
from tests.bench.figures import Crowd, Load, Logged, Output, Rate, Spread, Volume
from tests.bench.report import load_table
from tests.bench.rootfs import make_rootfs

_IN_FLIGHT = (1, 8, 32)
_LISTS = 20
_CLIENTS = 100
_IDLE_S = 5.0
_SLEEP = ("/bin/sleep", "3600")
_MIB = 1 << 20
_HERTZ = os.sysconf("SC_CLK_TCK")
Item = TypeVar("Item")
Result = TypeVar("Result")


def measure(daemon: Daemon, rootfs: Path, *, containers: int, mebibytes: int) -> Load:
    """containers: how many are to run at once; mebibytes: of output."""
    return Load(
        measure_crowd(daemon, rootfs, containers),
        asyncio.run(measure_output(daemon.socket, rootfs, mebibytes)),
    )


def measure_crowd(daemon: Daemon, rootfs: Path, containers: int) -> Crowd:
    with Connection(daemon.socket) as connection:
        warm_up(connection, rootfs)
        empty = memory.held(connection)
        few = max(containers // 10, 2)
        rates = [measure_rate(daemon.socket, rootfs, few, in_flight) for in_flight in _IN_FLIGHT[:-1]]
        rates.append(measure_rate(daemon.socket, rootfs, containers - few * len(rates), _IN_FLIGHT[-1]))
        full = memory.held(connection)
        one = connection.json("GET", "/v1/containers?limit=1")["containers"][0]["id"]
        lists = _timed(lambda: connection.request("GET", "/v1/containers"))
        inspects = _timed(lambda: connection.request("GET", f"/v1/containers/{one}"))
        idle = idle_cpu_percent(connection)
    restart_s = daemon.restart()
    with Connection(daemon.socket) as connection:
        found = len(connection.json("GET", f"/v1/containers?limit={containers}")["containers"])
    if found != containers:
        raise Failed(f"cannot measure a restart: of {containers} containers {found} are known")
    remove_all(daemon.socket)
    return Crowd(
        rates=tuple(rates),
        running=containers,
        lists=lists,
        inspects=inspects,
        kib_per_container=(full.all.pss_kib - empty.all.pss_kib) / containers,
        idle_cpu_percent=idle,
        restart_s=restart_s,
    )


def measure_rate(socket: str, rootfs: Path, count: int, in_flight: int) -> Rate:
    begin = time.perf_counter()
    seconds = start_many(socket, rootfs, count, in_flight)
    return Rate(count, min(in_flight, count), Spread.of(seconds), count / (time.perf_counter() - begin))


async def measure_output(socket: str, rootfs: Path, mebibytes: int) -> Output:
    async with Client(socket) as client:
        attached_s, fanned_out = await fan_out(client, rootfs, max(mebibytes // _CLIENTS, 1), _CLIENTS)
        return Output(
            clients=_CLIENTS,
            attached_s=attached_s,
            fanned_out=fanned_out,
            logged=await logged(client, rootfs, mebibytes),
            to_client=(await fan_out(client, rootfs, mebibytes, 1))[1],
            podman=await asyncio.to_thread(podman.logged, rootfs, mebibytes),
        )


def warm_up(connection: Connection, rootfs: Path) -> None:
    """So that what is made once is not counted for the containers."""
    container = _started(connection, body(rootfs, *_SLEEP))
    connection.request("DELETE", f"/v1/containers/{container}?force=true")


def start_many(socket: str, rootfs: Path, count: int, in_flight: int) -> list[float]:
    """Create and start containers, so many at once; return the seconds that each one took."""
    request = body(rootfs, *_SLEEP)

    def start(connection: Connection, _number: int) -> float:
        begin = time.perf_counter()
        _started(connection, request)
        return time.perf_counter() - begin

    return _side_by_side(socket, start, range(count), in_flight)


def remove_all(socket: str) -> None:
    with Connection(socket) as connection:
        ids = [each["id"] for each in connection.json("GET", "/v1/containers")["containers"]]

    def remove(connection: Connection, container: str) -> None:
        connection.request("DELETE", f"/v1/containers/{container}?force=true")

    _side_by_side(socket, remove, ids, _IN_FLIGHT[-1])


def _side_by_side(
    socket: str, work: Callable[[Connection, Item], Result], items: Sequence[Item], in_flight: int
) -> list[Result]:
    """Do the work on each item, by workers that have a connection each."""
    local = threading.local()
    with ExitStack() as opened:

        def connect() -> None:
            local.connection = opened.enter_context(Connection(socket))

        with ThreadPoolExecutor(in_flight, initializer=connect) as workers:
            return list(workers.map(lambda item: work(local.connection, item), items))


def _started(connection: Connection, request: bytes) -> str:
    container: str = connection.json("POST", "/v1/containers", request)["id"]
    connection.request("POST", f"/v1/containers/{container}/start")
    return container


def _timed(act: Callable[[], object]) -> Spread:
    seconds = []
    for _ in range(_LISTS):
        begin = time.perf_counter()
        act()
        seconds.append(time.perf_counter() - begin)
    return Spread.of(seconds)


def idle_cpu_percent(connection: Connection) -> float:
    info = connection.json("GET", "/v1/info")
    pids = (info["daemon_pid"], info["spawner_pid"])
    before, begin = sum(map(_cpu_s, pids)), time.perf_counter()
    time.sleep(_IDLE_S)
    return 100 * (sum(map(_cpu_s, pids)) - before) / (time.perf_counter() - begin)


def _cpu_s(pid: int) -> float:
    """utime and stime of proc_pid_stat(5)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _HERTZ


# ── output ──


def _flood(rootfs: Path, mebibytes: int) -> ContainerSpec:
    """A payload that writes so much and ends; the log keeps all of it."""
    return ContainerSpec(
        rootfs=str(rootfs),
        args=("/bin/dd", "if=/dev/zero", "bs=1M", f"count={mebibytes}"),
        log=LogSpec(max_bytes=mebibytes * _MIB + _MIB, max_files=2),
    )


async def logged(client: Client, rootfs: Path, mebibytes: int) -> Logged:
    """Have a payload write into the log, with nobody who looks; then read it."""
    container = (await client.create(_flood(rootfs, mebibytes))).id
    begin = time.perf_counter()
    await client.start(container)
    await client.wait(container)
    written = time.perf_counter()
    size = 0
    async for data in client.logs(container):
        size += len(data)
    read = time.perf_counter()
    await client.delete(container)
    if size < mebibytes * _MIB:
        raise Failed(f"cannot measure output: of {mebibytes} MiB {size} bytes came")
    return Logged(Volume(mebibytes, written - begin), Volume(mebibytes, read - written))


async def fan_out(client: Client, rootfs: Path, mebibytes: int, clients: int) -> tuple[float, Volume]:
    """Have clients attached while a payload writes; return the seconds to attach them, and what all of them got."""
    container = (await client.create(_flood(rootfs, mebibytes))).id
    begin = time.perf_counter()
    attachments = [await client.attach(container) for _ in range(clients)]
    attached_s = time.perf_counter() - begin
    begin = time.perf_counter()
    reading = [asyncio.ensure_future(_bytes_of(attachment)) for attachment in attachments]
    await client.start(container)
    least = min(await asyncio.gather(*reading))
    seconds = time.perf_counter() - begin
    for attachment in attachments:
        await attachment.close()
    await client.delete(container)
    if least < mebibytes * _MIB:
        raise Failed(f"cannot measure attached clients: of {mebibytes} MiB one got {least} bytes")
    return attached_s, Volume(mebibytes * clients, seconds)


async def _bytes_of(attachment: Attachment) -> int:
    return sum([len(data) async for _channel, data in attachment])


# ── alone ──


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.load", description="Measure one daemon under load.")
    declare(parser)
    options = parser.parse_args()
    check(parser, options)
    with tempfile.TemporaryDirectory(prefix="pycontainerd-bench.", dir="/tmp") as folder:
        try:
            load = in_folder(Path(folder), options.containers, options.mebibytes)
        except Failed as failure:
            sys.stderr.write(f"bench: {failure}\n")
            return 1
    sys.stdout.write("\n".join(load_table(load)) + "\n")
    return 0


def declare(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--containers", type=int, default=1000, help="how many run at once (default: 1000)")
    parser.add_argument("--mebibytes", type=int, default=1024, help="how much a payload writes (default: 1024)")


def check(parser: argparse.ArgumentParser, options: argparse.Namespace) -> None:
    if options.containers < 8 or options.mebibytes < 1:
        parser.error("--containers must be 8 or more, --mebibytes 1 or more")


def in_folder(folder: Path, containers: int, mebibytes: int) -> Load:
    """Measure a daemon of its own, with everything below `folder`."""
    rootfs = make_rootfs(folder)
    daemon = Daemon(folder)
    try:
        daemon.start()
        return measure(daemon, rootfs, containers=containers, mebibytes=mebibytes)
    finally:
        daemon.stop()


if __name__ == "__main__":
    sys.exit(main())
