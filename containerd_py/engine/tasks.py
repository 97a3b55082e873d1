"""The owner of background tasks: nothing runs without somebody who ends it."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import structlog

from containerd_py.errors import ContainerdError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Coroutine

_log = structlog.get_logger()
Result = TypeVar("Result")


class _Closeable(Protocol):
    def close(self) -> None: ...


Made = TypeVar("Made", bound=_Closeable)


async def to_its_end(work: Coroutine[Any, Any, Result]) -> Result:
    """Await it. A cancellation waits for it too: a thread goes on to write a file that somebody else is to write next."""
    task = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait((task,))
        if not task.cancelled():
            task.exception()  # looked at, so that it is not reported as forgotten
        raise


async def made_whole(making: Awaitable[Made]) -> Made:
    """Await what a thread makes. A cancellation waits for it too and closes it: nobody else knows of it."""
    task = asyncio.ensure_future(making)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        with suppress(OSError, ContainerdError):
            (await task).close()
        raise


class Tasks:
    """Tasks that live until they end or until `close`. One that fails is logged here, once."""

    def __init__(self) -> None:
        self._running: set[asyncio.Task[Any]] = set()

    def start(self, work: Coroutine[Any, Any, Result], *, name: str, quiet: bool = False) -> asyncio.Task[Result]:
        """quiet: somebody waits for the result, so a failure is theirs to tell."""
        task = asyncio.get_running_loop().create_task(work, name=name)
        self._running.add(task)
        task.add_done_callback(self._ended_quietly if quiet else self._ended)
        return task

    async def close(self, *, deadline_s: float) -> None:
        """Let running tasks end by themselves until the deadline, then cancel them."""
        if self._running:
            await asyncio.wait(self._running, timeout=deadline_s)
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)

    def _ended_quietly(self, task: asyncio.Task[Any]) -> None:
        self._running.discard(task)
        if not task.cancelled():
            task.exception()  # looked at, so that one whose waiter has gone is not reported as forgotten

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._running.discard(task)
        if not task.cancelled() and task.exception() is not None:
            _log.error("task failed", task=task.get_name(), exc_info=task.exception())
