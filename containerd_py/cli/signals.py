"""Signals to this process, as a queue that a task reads."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

FORWARDED = (
    signal.SIGINT,
    signal.SIGTERM,
    signal.SIGHUP,
    signal.SIGQUIT,
    signal.SIGUSR1,
    signal.SIGUSR2,
)
ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)
RESIZED = (signal.SIGWINCH,)


class SignalQueue:
    """Holds `numbers` back from their default action while it is entered; `next()` tells each that came."""

    def __init__(self, numbers: Iterable[signal.Signals]) -> None:
        self._numbers = tuple(numbers)
        self._queue: asyncio.Queue[signal.Signals] = asyncio.Queue()

    def __enter__(self) -> Self:
        loop = asyncio.get_running_loop()
        for number in self._numbers:
            loop.add_signal_handler(number, self._queue.put_nowait, number)
        return self

    def __exit__(self, *exc: object) -> None:
        loop = asyncio.get_running_loop()
        for number in self._numbers:
            loop.remove_signal_handler(number)

    async def next(self) -> signal.Signals:
        return await self._queue.get()


@contextlib.contextmanager
def left_in_order() -> Iterator[None]:
    """Let what is undone inside of it be undone at SIGTERM and SIGHUP too: a hidden cursor, half a file.

    The signal cancels the task that has entered this, and ends the process once it leaves. One that is ignored stays so.
    """
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    came: list[signal.Signals] = []

    def leave(number: signal.Signals) -> None:
        loop.remove_signal_handler(number)  # another one ends it at once, whatever it waits for
        came.append(number)
        if task is not None:
            task.cancel()

    heard = [one for one in (signal.SIGTERM, signal.SIGHUP) if signal.getsignal(one) is signal.SIG_DFL]
    for number in heard:
        loop.add_signal_handler(number, leave, number)
    try:
        yield
    finally:
        for number in heard:
            loop.remove_signal_handler(number)
        if came:
            os.kill(os.getpid(), came[0])
