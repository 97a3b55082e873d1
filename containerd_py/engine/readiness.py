"""Whether a descriptor can be read or written, and waiting until it can. One waiter for each descriptor and direction."""

from __future__ import annotations

import asyncio
import select


def is_readable(fd: int) -> bool:
    """Tell whether it can be read now; of a pidfd, whether its process has ended."""
    poll = select.poll()
    poll.register(fd, select.POLLIN)
    return bool(poll.poll(0))


async def readable(fd: int) -> None:
    loop = asyncio.get_running_loop()
    future = loop.create_future()
    loop.add_reader(fd, _done, future)
    try:
        await future
    finally:
        loop.remove_reader(fd)


async def writable(fd: int) -> None:
    loop = asyncio.get_running_loop()
    future = loop.create_future()
    loop.add_writer(fd, _done, future)
    try:
        await future
    finally:
        loop.remove_writer(fd)


def _done(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)
