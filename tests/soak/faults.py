"""What is done to a daemon while others use it: kills, a full disk, clients that do not read."""

import asyncio
import contextlib
import os
import random
import signal
import socket
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp

from tests.bench.daemon import Daemon
from tests.soak.caller import Caller
from tests.soak.operations import World
from tests.unit.store.small_disk import fill

_PAUSE_S = (0.2, 1.5)
_FULL_S = 0.5
_HANDED_OVER_S = 0.5
_STALLED_S = 2.0


class Faults:
    """`done` counts them by name. Daemon and spawner are never lost at once: what that costs is told in crashes.md."""

    def __init__(self, daemon: Daemon, state: Path, caller: Caller, world: World) -> None:
        self._daemon = daemon
        self._state = state
        self._caller = caller
        self._world = world
        self.done: Counter[str] = Counter()

    async def go_on(self, until: asyncio.Event) -> None:
        chance = random.Random(self._world.chance.random())  # noqa: S311 - to be drawn again from the seed
        kinds = (self._kill_daemon, self._kill_spawner, self._kill_worker, self._fill_disk, self._stall)
        while not until.is_set():
            kind = chance.choices(kinds, (3, 3, 4, 2, 3))[0]
            with contextlib.suppress(aiohttp.ClientError):
                if await kind():
                    self.done[kind.__name__[1:].replace("_", " ")] += 1
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(until.wait(), chance.uniform(*_PAUSE_S))

    async def _kill_daemon(self) -> bool:
        """Not while a spawner takes over: both at once is another fault."""
        await self._spawner()
        self._daemon.kill()
        await asyncio.to_thread(self._daemon.start)
        return True

    async def _kill_spawner(self) -> bool:
        spawner = await self._spawner()
        os.kill(spawner, signal.SIGKILL)
        async with asyncio.timeout(30):
            while await self._spawner() == spawner:
                await asyncio.sleep(0.01)
        await asyncio.sleep(_HANDED_OVER_S)  # until the new one has everything: else the next fault may lose both
        return True

    async def _spawner(self) -> int:
        """Wait until there is one, which has been given everything; return its pid."""
        while True:
            info = (await self._caller.call("GET", "/v1/info")).json
            if info["spawner_pid"] is not None:
                return int(info["spawner_pid"])
            await asyncio.sleep(0.01)

    async def _kill_worker(self) -> bool:
        """The worker of a container that has not begun."""
        answer = await self._caller.call("POST", "/v1/containers", self._world.body("exit 0"))
        if not answer.fine:
            return False
        path = f"/v1/containers/{answer.json['id']}"
        pid = (await self._caller.call("GET", path)).json.get("pid")
        if pid is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        await self._caller.call("DELETE", f"{path}?force=true")
        return pid is not None

    async def _fill_disk(self) -> bool:
        try:
            await asyncio.to_thread(fill, str(self._state))
            await asyncio.sleep(_FULL_S)
            if self._world.chance.random() < 0.3:  # what could not be put on record is found again all the same
                await self._kill_daemon()
                self.done["kill daemon"] += 1
                await asyncio.sleep(_FULL_S)
        finally:
            (self._state / "filler").unlink(missing_ok=True)
        return True

    async def _stall(self) -> bool:
        """A client that follows what it does not read, of a container that writes much."""
        script = "head -c 20000000 /dev/zero; while :; do sleep 1; done"
        answer = await self._caller.call("POST", "/v1/containers", self._world.body(script))
        if not answer.fine:
            return False
        path = f"/v1/containers/{answer.json['id']}"
        async with self._following(f"{path}/logs?follow=true"):
            await self._caller.call("POST", f"{path}/start")
            await asyncio.sleep(_STALLED_S)
            await self._caller.call("DELETE", f"{path}?force=true")
        return True

    @contextlib.asynccontextmanager
    async def _following(self, path: str) -> AsyncIterator[None]:
        with socket.socket(socket.AF_UNIX) as client:
            client.setblocking(False)  # noqa: FBT003 - the socket's own signature
            with contextlib.suppress(OSError):
                client.connect(self._daemon.socket)
                client.send(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
            yield
