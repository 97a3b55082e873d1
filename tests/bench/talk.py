"""What clients of the daemon are told: a byte through attach and back, an event to many."""

import asyncio
import time
from contextlib import aclosing
from pathlib import Path

from containerd_py.client import Client
from containerd_py.wire import ContainerSpec
from tests.bench.connection import Failed
from tests.bench.runtimes import SLEEPING

_EVENTS = 20
_TYPES = ("container.paused", "container.resumed")
_PATIENCE_S = 60


async def echoes(client: Client, rootfs: Path, count: int) -> list[float]:
    """Send bytes to `cat`, one after the other; return the seconds until each is back."""
    made = await client.create(ContainerSpec(rootfs=str(rootfs), args=("/bin/cat",), stdin=True))
    seconds = []
    async with await client.attach(made.id) as attached:
        await client.start(made.id)
        answers = aiter(attached)
        for _ in range(count):
            begin = time.perf_counter()
            await attached.send_stdin(b"x")
            _channel, answer = await anext(answers)
            if answer != b"x":
                raise Failed(f"cannot measure attach: x came back as {answer!r}")
            seconds.append(time.perf_counter() - begin)
    await client.delete(made.id, force=True)
    return seconds


async def fan_out(client: Client, rootfs: Path, subscribers: int) -> list[float]:
    """Return the seconds from the request that makes an event to the last of the subscribers, all of one client."""
    made = await client.create(ContainerSpec(rootfs=str(rootfs), args=SLEEPING))
    await client.start(made.id)
    seconds = []
    arrived: asyncio.Queue[float] = asyncio.Queue()
    known = [event.seq async for event in client.events(0, follow=False)][-1]  # so that nobody subscribes too late
    notes = [asyncio.ensure_future(_note(client, made.id, known, arrived)) for _ in range(subscribers)]
    for number in range(_EVENTS + 1):
        begin = time.perf_counter()
        await (client.resume if number % 2 else client.pause)(made.id)
        async with asyncio.timeout(_PATIENCE_S):
            last = max([await arrived.get() for _ in range(subscribers)])
        if number:  # the first one may have waited for the last of them to subscribe
            seconds.append(last - begin)
    for note in notes:
        note.cancel()
    await asyncio.gather(*notes, return_exceptions=True)
    await client.delete(made.id, force=True)
    return seconds


async def _note(client: Client, container: str, known: int, arrived: asyncio.Queue[float]) -> None:
    async with aclosing(client.events(known, types=_TYPES, containers=(container,))) as events:
        async for _event in events:
            arrived.put_nowait(time.perf_counter())
