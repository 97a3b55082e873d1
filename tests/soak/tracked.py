"""Containers of which everything is known beforehand: how they end, and what they write. Whatever fails is asked again.

What is true of each at the end is compared with what is told: a wrong code, or a byte too few, is what a soak looks for.
"""

import asyncio
import secrets
import sys
from dataclasses import dataclass
from typing import Any

import aiohttp

from tests.soak.caller import Answer, Caller, Wrong
from tests.soak.operations import World

_AGAIN_S = 0.05
_PATIENCE_S = 60.0
_LATER = (500, 503, 504, 507)
"""A worker was lost, the spawner was, it took too long, the disk is full: each of them passes."""


@dataclass
class Account:
    """exits: reported; wrong: of these, others than the payload's own; moved, lost: bytes of output,
    lost also where there are too many."""

    exits: int = 0
    wrong: int = 0
    moved: int = 0
    lost: int = 0


class Tracked:
    """One container after another; `account` is kept of all."""

    def __init__(self, caller: Caller, world: World, account: Account) -> None:
        self._caller = caller
        self._world = world
        self._account = account

    async def run(self) -> None:
        """One container from its creation to its removal. Raises Wrong where it is forgotten, or goes on for ever."""
        chance = self._world.chance
        code, size = chance.randrange(256), chance.choice((0, 1, 70_000, 300_000))
        container, path = await self._made(f"sleep {chance.random():.2f}; head -c {size} /dev/zero; exit {code}")
        await self._started(path)
        ended = (await self._until(path, "POST", f"{path}/wait", 200)).json
        output = (await self._until(path, "GET", f"{path}/logs", 200)).body
        self._count(container, ended, code, output, size)
        await self._until(path, "DELETE", path, 204, 404)

    async def execute(self) -> None:
        """The same with what is executed in one."""
        code = self._world.chance.randrange(256)
        _container, path = await self._made("while :; do sleep 1; done")
        await self._started(path)
        body = {"args": ["/bin/sh", "-c", f"echo hello; exit {code}"]}
        made = (await self._until(path, "POST", f"{path}/exec", 201, body=body)).json["id"]
        executed = f"/v1/exec/{made}"
        await self._started(executed)
        ended = (await self._until(executed, "POST", f"{executed}/wait", 200)).json
        if ended["reason"] != "failed":  # its worker was lost before it was the program, and that was told
            output = (await self._until(executed, "GET", f"{executed}/logs", 200)).body
            self._count(made, ended, code, output, len(b"hello\n"))
        await self._until(path, "DELETE", f"{path}?force=true", 204, 404)

    def _count(self, one: str, ended: Any, code: int, output: bytes, size: int) -> None:
        self._account.exits += 1
        self._account.moved += len(output)
        self._account.lost += abs(size - len(output))
        if ended["exit_code"] != code or len(output) != size:
            self._account.wrong += ended["exit_code"] != code
            sys.stderr.write(f"soak: {one}: exit {code} with {size} bytes became {ended} with {len(output)}\n")

    async def _made(self, script: str) -> tuple[str, str]:
        container = f"t{secrets.token_hex(8)}"
        body = self._world.body(script, id=container)
        # 409: an earlier attempt was carried out, and its answer was lost
        await self._until(container, "POST", "/v1/containers", 201, 409, body=body)
        return container, f"/v1/containers/{container}"

    async def _started(self, path: str) -> None:
        """Once, whether the answer is heard or not. What was being started when the daemon died may be created again."""
        while True:
            status = (await self._until(path, "GET", path, 200)).json["status"]
            if status == "created":
                answer = await self._asked("POST", f"{path}/start", None)
                if answer is not None and not answer.fine and answer.status not in _LATER:
                    raise Wrong(f"{path}: {answer.status} {answer.body!r}")
            elif status != "starting":
                return
            await asyncio.sleep(_AGAIN_S)

    async def _until(self, what: str, method: str, path: str, *fine: int, body: Any = None) -> Answer:
        """Ask until it is answered so. Raises Wrong for another answer than "later"."""
        async with asyncio.timeout(_PATIENCE_S):
            while True:
                answer = await self._asked(method, path, body)
                if answer is not None and answer.status in fine:
                    return answer
                if answer is not None and answer.status not in _LATER:
                    raise Wrong(f"{what}: {method} {path}: {answer.status} {answer.body!r}")
                await asyncio.sleep(_AGAIN_S)

    async def _asked(self, method: str, path: str, body: Any) -> Answer | None:
        try:
            return await self._caller.call(method, path, body)
        except (aiohttp.ClientError, ConnectionError):
            return None  # the daemon was killed meanwhile
