"""Waiting for a change of something that is looked at again afterwards: no queue, so no reader costs memory."""

from __future__ import annotations

import asyncio


class Changes:
    """A change that any number of tasks wait for. Between looking and waiting there must be no `await`."""

    def __init__(self) -> None:
        self._waiting: set[asyncio.Future[None]] = set()

    def announce(self) -> None:
        for future in self._waiting:
            if not future.done():
                future.set_result(None)
        self._waiting.clear()

    async def wait(self) -> None:
        future = asyncio.get_running_loop().create_future()
        self._waiting.add(future)
        try:
            await future
        finally:
            self._waiting.discard(future)
