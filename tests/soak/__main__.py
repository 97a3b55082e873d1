"""`make soak`: thousands of random operations on one daemon, which ends with what it began with.

With `--minutes` the daemon, its spawner and workers are killed meanwhile, the disk is full at times, and readers stall; and
what is known of containers beforehand, their ends and their output, is compared with what is told.

Samples of both are tests (tests/integration/api/test_soak.py, tests/faults/test_soak.py).
"""

import argparse
import asyncio
import contextlib
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp

from tests.bench.daemon import Daemon
from tests.bench.rootfs import make_rootfs
from tests.integration.mounted import mounted
from tests.soak.caller import Caller, Wrong
from tests.soak.faults import Faults
from tests.soak.operations import OPERATIONS, World, run_own
from tests.soak.report import Report
from tests.soak.tracked import Account, Tracked
from tests.surroundings import Level

_AT_ONCE = 12
_WARM_UP = 150
_PATIENCE_S = 30.0


class Soak:
    """Operations on one daemon, everything of which is below `folder`."""

    def __init__(self, caller: Caller, folder: Path, seed: int) -> None:
        self._folder = folder
        self.caller = caller
        self.world = World(str(folder / "rootfs"), random.Random(seed))  # noqa: S311 - to be drawn again from the seed
        self._stuck: list[str] = []
        self.done: Counter[str] = Counter()

    async def run(self, operations: int) -> list[str]:
        """Return in words what is left, of all that was there meanwhile. Raises Wrong."""
        before = await self.begin(min(_WARM_UP, operations))
        await self._perform(operations)
        return await self.left(before)

    async def begin(self, operations: int = _WARM_UP) -> Level:
        """Do so much that what is made once is there; return what the daemon holds then."""
        await self._perform(operations)
        return await self._emptied()

    async def left(self, before: Level) -> list[str]:
        return (await self._emptied(before)).differences(before) + self._stuck

    async def go_on(self, until: asyncio.Event) -> None:
        """Do what is drawn, while the daemon is lost at times. Raises Wrong."""
        while not until.is_set():
            (operation,) = self.world.chance.choices(list(OPERATIONS), list(OPERATIONS.values()))
            if operation is run_own:
                continue  # it takes no fault: `Tracked` does
            with contextlib.suppress(aiohttp.ClientError, OSError):
                await operation(self.caller, self.world)
                self.done[operation.__name__] += 1

    async def _perform(self, count: int) -> None:
        names = list(OPERATIONS)
        drawn = iter(self.world.chance.choices(names, list(OPERATIONS.values()), k=count))

        async def work() -> None:
            for operation in drawn:
                await operation(self.caller, self.world)
                self.done[operation.__name__] += 1

        await asyncio.gather(*(work() for _ in range(_AT_ONCE)))

    async def _emptied(self, before: Level | None = None) -> Level:
        """Remove every container, which may take a while, and wait until nothing more is let go of."""
        self.world.shared.clear()
        self._stuck = [told async for told in self._remove_all()]
        deadline = time.monotonic() + _PATIENCE_S
        while True:
            self._stuck = [told async for told in self._remove_all()]
            level = await self._level()
            calm = not level.differences(before) if before else level == await self._level()
            if calm or time.monotonic() > deadline:
                return level
            await asyncio.sleep(0.2)

    async def _remove_all(self) -> AsyncIterator[str]:
        """Tell which container was not removed, and what was answered."""
        for container in (await self.caller.call("GET", "/v1/containers")).json["containers"]:
            answer = await self.caller.call("DELETE", f"/v1/containers/{container['id']}?force=true")
            if not answer.fine:
                yield f"container {container['id']}: {answer.body.decode(errors='replace')}"

    async def _level(self) -> Level:
        info = (await self.caller.call("GET", "/v1/info")).json
        metrics = (await self.caller.call("GET", "/metrics")).body.decode()
        return Level.of(info, metrics, self._folder)


async def soak(folder: Path, operations: int, seed: int) -> tuple[list[str], Counter[str]]:
    """Return what is left in the end, and how often each operation was done. Raises Wrong."""
    async with _served(folder) as (daemon, session):
        soaking = Soak(Caller(session, daemon.socket), folder, seed)
        return await soaking.run(operations), soaking.done


async def soak_with_faults(folder: Path, seconds: float, seed: int) -> Report:
    """As `soak`, for so long, with daemon, spawner and workers killed meanwhile, on a disk that is full at times.

    Raises Wrong, but for a wrong end and for lost output, which the report has.
    """
    (folder / "state").mkdir(mode=0o700)
    with mounted("tmpfs", folder / "state", "mode=0700,size=16m"):
        async with _served(folder) as (daemon, session):
            soaking = Soak(Caller(session, daemon.socket, faults=True), folder, seed)
            faults = Faults(daemon, folder / "state", soaking.caller, soaking.world)
            account, over = Account(), asyncio.Event()
            before = await soaking.begin()
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(faults.go_on(over))
                for _ in range(_AT_ONCE):
                    tasks.create_task(soaking.go_on(over))
                    tasks.create_task(_track(Tracked(soaking.caller, soaking.world, account), over, soaking.done))
                await asyncio.sleep(seconds)
                over.set()
            return Report(soaking.done, faults.done, account, await soaking.left(before))


async def _track(tracked: Tracked, over: asyncio.Event, done: Counter[str]) -> None:
    while not over.is_set():
        await tracked.run()
        await tracked.execute()
        done["tracked"] += 2


@contextlib.asynccontextmanager
async def _served(folder: Path) -> AsyncIterator[tuple[Daemon, aiohttp.ClientSession]]:
    make_rootfs(folder)
    daemon = Daemon(folder, "--removed-keep-s", "1")  # what is kept for a while goes meanwhile
    daemon.start()
    try:
        # one connection each: a daemon that closes one after a refused body would else break the next request
        connector = aiohttp.UnixConnector(daemon.socket, limit=0, force_close=True)
        async with aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout(60)) as session:
            yield daemon, session
    finally:
        daemon.stop()


async def _reported(folder: Path, options: argparse.Namespace) -> Report:
    if options.minutes:
        return await soak_with_faults(folder, options.minutes * 60, options.seed)
    left, done = await soak(folder, options.operations, options.seed)
    return Report(done, Counter(), Account(), left)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description="Find what a daemon does not let go of.")
    parser.add_argument("--operations", type=int, default=10_000, help="how many (default: 10000)")
    parser.add_argument("--minutes", type=float, help="so long instead, with kills, full disks and slow readers meanwhile")
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 32), help="which (default: others each time)")  # noqa: S311
    options = parser.parse_args()
    sys.stdout.write(f"seed {options.seed}\n")
    begin = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="pycontainerd-soak.", dir="/tmp") as folder:
        try:
            report = asyncio.run(_reported(Path(folder), options))
        except (Wrong, ExceptionGroup) as problem:  # a group of them, of those who were at work at once
            told = problem.exceptions if isinstance(problem, ExceptionGroup) else (problem,)
            sys.stderr.write("".join(f"soak: {one!r}\n" for one in told))
            return 1
    sys.stdout.write(report.text())
    sys.stdout.write(f"{report.operations} operations in {time.monotonic() - begin:.0f} s\n")
    return 0 if report.fine else 1


if __name__ == "__main__":
    sys.exit(main())
