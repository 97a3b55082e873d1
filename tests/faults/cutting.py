"""Operations on a real daemon, each with one fault at one system call of one of its processes."""

import asyncio
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aiohttp import ClientError

from tests.faults.leaks import Leaks
from tests.faults.lives import Operation
from tests.faults.strace import Point, Seen, strace, was_hit
from tests.integration.api_client import Answer, Api
from tests.integration.conftest import has_ended
from tests.integration.daemon_process import Daemon

KILL = "signal=KILL"


@dataclass(frozen=True)
class Threads:
    """Those that are traced. follow: what they start is, too."""

    pids: tuple[int, ...]
    follow: bool = False


def of_loop(info: Any, _worker: int | None) -> Threads:
    return Threads((info["daemon_pid"],))


def of_executor(info: Any, _worker: int | None) -> Threads:
    """Threads that the daemon has made by now, for what may block."""
    daemon = info["daemon_pid"]
    former, found = None, tuple(others(daemon))
    while found != former:  # some are made for one thing only, and are about to end
        time.sleep(0.01)
        former, found = found, tuple(others(daemon))
    return Threads(found)


def others(process: int) -> Iterator[int]:
    """Its threads but the first."""
    return (int(task) for task in os.listdir(f"/proc/{process}/task") if int(task) != process)


def of_spawner(info: Any, _worker: int | None) -> Threads:
    return Threads((info["spawner_pid"],))


def of_worker(info: Any, worker: int | None) -> Threads:
    """One that is there is traced alone; one that is yet to come, from its first call on, with its spawner."""
    return Threads((worker or info["spawner_pid"],), follow=True)


Victim = Callable[[Any, int | None], Threads]


class Cutting:
    """One operation, again and again, with a fault at one point of a victim each time.

    fault: of strace's `inject`. folder: for what is seen. paths: only what is done to these counts.
    """

    def __init__(
        self,
        daemon: Daemon,
        operation: Operation,
        victim: Victim,
        folder: Path,
        fault: str = KILL,
        paths: tuple[Path, ...] = (),
    ) -> None:
        self._paths = paths
        self._seen = folder / "seen"
        self._fault = fault
        self._daemon = daemon
        self._operation = operation
        self._victim = victim
        self.hits = 0

    async def points(self) -> list[Point]:
        """Perform it untouched, and return what calls the victim makes meanwhile."""
        async with self._daemon.api() as api:
            await self._operation.prepare(api)
            traced = await self._threads(api)
            with strace(pids=traced.pids, follow=traced.follow, output=self._seen, paths=self._paths):
                answer = await self._perform(api)
            assert answer is not None
            await self._operation.settle(api, answer, payload_killed=False)
        return Seen.read(self._seen).points()

    async def cut(self, point: Point, leaks: Leaks) -> None:
        async with self._daemon.api() as api:
            await self._operation.prepare(api)
            spawner = (await api.get("/v1/info")).json["spawner_pid"]
            traced = await self._threads(api)
            faulty = (f"trace={point.call}", point.injecting(self._fault))
            with strace(*faulty, pids=traced.pids, follow=traced.follow, output=self._seen, paths=self._paths):
                answer = await self._perform(api)
            lives = await self._lives(api)
            self.hits += not lives or has_ended(spawner) or was_hit(self._seen)
            if lives:
                await self._settle(api, spawner, answer, leaks, point)
                return
        await self._daemon.come_back()
        async with self._daemon.api() as api:
            await self._settle(api, spawner, answer, leaks, point)

    async def _settle(self, api: Api, spawner: int, answer: Answer | None, leaks: Leaks, point: Point) -> None:
        if has_ended(spawner):
            async with asyncio.timeout(30):
                while (await api.get("/v1/info")).json["spawner_pid"] in (None, spawner):
                    await asyncio.sleep(0.01)
        try:
            await self._operation.settle(api, answer, payload_killed=self._victim is of_worker)
        except AssertionError as problem:
            told = answer and (answer.status, answer.body)
            raise AssertionError(f"{self._fault} at {point}, answered {told}: {problem}") from problem
        await leaks.check(api, point)

    async def _lives(self, api: Api) -> bool:
        """A daemon that was killed after its last answer gives no more."""
        try:
            await api.get("/v1/_ping")
        except ClientError:
            return False
        return True

    async def _threads(self, api: Api) -> Threads:
        listed = (await api.get("/v1/containers")).json["containers"]
        worker = next((one["pid"] for one in listed if one["status"] == "created"), None)
        return self._victim((await api.get("/v1/info")).json, worker)

    async def _perform(self, api: Api) -> Answer | None:
        """None: there was no answer, since the daemon dies. With the second question comes what is done after an answer."""
        answer = None
        try:
            answer = await self._operation.perform(api)
            await api.get("/v1/_ping")
        except ClientError:
            assert (self._fault, self._victim in (of_loop, of_executor)) == (KILL, True)
        return answer


def sample(points: list[Point], count: int) -> list[Point]:
    """Return so many of them, as far from each other as can be."""
    step = max(1, len(points) // count)
    return points[step // 2 :: step][:count]
