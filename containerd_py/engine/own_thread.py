"""Work that may take as long as somebody else wants: hooks, or what opens a path of the caller's. By a thread of its own.

`asyncio.to_thread` has a few threads for all: a handful that never come back would hold up everything that needs one, and
the end of the daemon. And what is done for containers has the rights that the daemon was started with, wherever it has
given up its own (`confinement`): a thread has those of the thread that has started it.
"""

from __future__ import annotations

import asyncio
import contextvars
import errno
import queue
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, ParamSpec, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

Given = ParamSpec("Given")
Result = TypeVar("Result")


class Unconfined:
    """A thread that starts others, made while this process has all its rights. It lasts as long as the process."""

    def __init__(self) -> None:
        self._wanted: queue.SimpleQueue[tuple[threading.Thread, Callable[[RuntimeError], None]]] = queue.SimpleQueue()
        threading.Thread(target=self._run, name="unconfined", daemon=True).start()

    def start(self, thread: threading.Thread, refused: Callable[[RuntimeError], None]) -> None:
        """refused: told, by another thread, why none could be started."""
        self._wanted.put((thread, refused))

    def start_from_now_on(self) -> None:
        """Start all threads of `in_own_thread` in this context, and in those that come of it."""
        _starter.set(self.start)

    def _run(self) -> None:
        while True:
            _start(*self._wanted.get())


def _start(thread: threading.Thread, refused: Callable[[RuntimeError], None]) -> None:
    try:
        thread.start()
    except RuntimeError as problem:
        refused(problem)


_starter: contextvars.ContextVar[Callable[[threading.Thread, Callable[[RuntimeError], None]], None]] = (
    contextvars.ContextVar("starter", default=_start)
)


async def in_own_thread(work: Callable[Given, Result], /, *args: Given.args, **given: Given.kwargs) -> Result:
    """Return or raise what `work` does. Cancelled, it goes on by itself, and what it has opened then is closed.

    Raises BlockingIOError where the host has no room for a thread.
    """
    loop = asyncio.get_running_loop()
    future: asyncio.Future[Result] = loop.create_future()
    context = contextvars.copy_context()

    def run() -> None:
        try:
            result = context.run(work, *args, **given)
        except BaseException as problem:
            _tell(loop, _fail, future, problem)
        else:
            _tell(loop, _finish, future, result)

    def refused(problem: RuntimeError) -> None:
        told = BlockingIOError(errno.EAGAIN, "no thread can be started")
        told.__cause__ = problem
        _tell(loop, _fail, future, told)

    _starter.get()(threading.Thread(target=run, name="own", daemon=True), refused)
    try:
        return await future
    except asyncio.CancelledError:
        if future.done() and not future.cancelled() and future.exception() is None:  # it came at the same moment
            _close(future.result())
        raise


def _tell(loop: asyncio.AbstractEventLoop, how: Callable[..., None], *args: object) -> None:
    with suppress(RuntimeError):  # the loop has ended meanwhile
        loop.call_soon_threadsafe(how, *args)


def _finish(future: asyncio.Future[Result], result: Result) -> None:
    if future.done():
        _close(result)
    else:
        future.set_result(result)


def _fail(future: asyncio.Future[Result], problem: BaseException) -> None:
    if not future.done():
        future.set_exception(problem)


def _close(result: object) -> None:
    close = getattr(result, "close", None)
    if close is not None:
        close()
