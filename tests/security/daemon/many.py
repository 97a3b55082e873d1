"""Much at once, for as many as a daemon takes."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable

from tests.integration.api_client import Answer, Api

_AT_ONCE = 50


async def each(items: Iterable[int], task: Callable[[int], Awaitable[object]]) -> None:
    """Do it for each of them, fifty at a time."""
    room = asyncio.Semaphore(_AT_ONCE)

    async def one(item: int) -> None:
        async with room:
            await task(item)

    await asyncio.gather(*(one(item) for item in items))


async def done(answer: Awaitable[Answer]) -> Answer:
    """Return an answer that is no error."""
    found = await answer
    assert found.status < 300, found.body
    return found


async def execute(api: Api, container: str, *args: str, **fields: object) -> tuple[int | None, bytes]:
    """Run something further; return its exit code and output."""
    made = (await done(api.post(f"/v1/containers/{container}/exec", json={"args": args, **fields}))).json["id"]
    await done(api.post(f"/v1/exec/{made}/start"))
    ended = (await done(api.post(f"/v1/exec/{made}/wait"))).json
    return ended["exit_code"], (await done(api.get(f"/v1/exec/{made}/logs"))).body
