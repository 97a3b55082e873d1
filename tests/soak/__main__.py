"""`make soak`: thousands of random operations on one daemon, which ends with what it began with.

A sample of it is a test (tests/integration/api/test_soak.py).
"""

import argparse
import asyncio
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
from tests.soak.caller import Caller, Wrong
from tests.soak.levels import Level
from tests.soak.operations import OPERATIONS, World

_AT_ONCE = 12
_WARM_UP = 150
_PATIENCE_S = 30.0


class Soak:
    """Operations on one daemon, everything of which is below `folder`."""

    def __init__(self, daemon: Daemon, folder: Path, session: aiohttp.ClientSession, seed: int) -> None:
        self._folder = folder
        self._caller = Caller(session, daemon.socket)
        self._world = World(str(folder / "rootfs"), random.Random(seed))  # noqa: S311 - to be drawn again from the seed
        self._stuck: list[str] = []
        self.done: Counter[str] = Counter()

    async def run(self, operations: int) -> list[str]:
        """Return in words what is left, of all that was there meanwhile. Raises Wrong."""
        await self._perform(min(_WARM_UP, operations))
        before = await self._emptied()
        await self._perform(operations)
        return (await self._emptied(before)).differences(before) + self._stuck

    async def _perform(self, count: int) -> None:
        names = list(OPERATIONS)
        drawn = iter(self._world.chance.choices(names, list(OPERATIONS.values()), k=count))

        async def work() -> None:
            for operation in drawn:
                await operation(self._caller, self._world)
                self.done[operation.__name__] += 1

        await asyncio.gather(*(work() for _ in range(_AT_ONCE)))

    async def _emptied(self, before: Level | None = None) -> Level:
        """Remove every container, and wait until nothing more is let go of."""
        deadline = time.monotonic() + _PATIENCE_S
        self._world.shared.clear()
        while True:
            self._stuck = [told async for told in self._remove_all()]
            level = await self._level()
            calm = not level.differences(before) if before else level == await self._level()
            if calm or time.monotonic() > deadline:
                return level
            await asyncio.sleep(0.2)

    async def _remove_all(self) -> AsyncIterator[str]:
        """Tell which container was not removed, and what was answered."""
        for container in (await self._caller.call("GET", "/v1/containers")).json["containers"]:
            answer = await self._caller.call("DELETE", f"/v1/containers/{container['id']}?force=true")
            if not answer.fine:
                yield f"container {container['id']}: {answer.body.decode(errors='replace')}"

    async def _level(self) -> Level:
        info = (await self._caller.call("GET", "/v1/info")).json
        metrics = (await self._caller.call("GET", "/metrics")).body.decode().splitlines()
        tasks = next(line for line in metrics if line.startswith("pycontainerd_tasks "))
        return Level.of(
            tasks=int(float(tasks.split()[1])),
            daemon=info["daemon_pid"],
            spawner=info["spawner_pid"],
            folder=self._folder,
            cgroup_parent=info["cgroup_parent"],
        )


async def soak(folder: Path, operations: int, seed: int) -> tuple[list[str], Counter[str]]:
    """Return what is left in the end, and how often each operation was done. Raises Wrong."""
    make_rootfs(folder)
    daemon = Daemon(folder, "--removed-keep-s", "1")  # what is kept for a while goes meanwhile
    daemon.start()
    try:
        # one connection each: a daemon that closes one after a refused body would else break the next request
        connector = aiohttp.UnixConnector(daemon.socket, limit=0, force_close=True)
        async with aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout(60)) as session:
            soaking = Soak(daemon, folder, session, seed)
            return await soaking.run(operations), soaking.done
    finally:
        daemon.stop()


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description="Find what a daemon does not let go of.")
    parser.add_argument("--operations", type=int, default=10_000, help="how many (default: 10000)")
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 32), help="which (default: others each time)")  # noqa: S311
    options = parser.parse_args()
    sys.stdout.write(f"seed {options.seed}\n")
    begin = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="pycontainerd-soak.", dir="/tmp") as folder:
        try:
            left, done = asyncio.run(soak(Path(folder), options.operations, options.seed))
        except Wrong as wrong:
            sys.stderr.write(f"soak: {wrong}\n")
            return 1
    for name, count in sorted(done.items()):
        sys.stdout.write(f"  {name:<16}{count:>7}\n")
    sys.stdout.write("".join(f"left: {each}\n" for each in left) or "nothing is left\n")
    sys.stdout.write(f"{options.operations} operations in {time.monotonic() - begin:.0f} s\n")
    return 1 if left else 0


if __name__ == "__main__":
    sys.exit(main())
