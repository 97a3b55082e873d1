"""An event loop in a thread of its own, for callers that have none."""

from __future__ import annotations

import asyncio
import concurrent.futures
import threading
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Coroutine, Generator
    from typing import Any

T = TypeVar("T")


class LoopThread:
    """Runs coroutines for any number of other threads; `start()` makes the thread, `stop()` ends it and all it holds."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._closing: set[asyncio.Task[None]] = set()

    def start(self) -> None:
        ready = threading.Event()
        self._thread = threading.Thread(target=self._serve, args=(ready,), name=self._name, daemon=True)
        self._thread.start()
        ready.wait()

    def stop(self) -> None:
        """Cancel what runs, close what is iterated over, and return once the thread is gone. Once is enough."""
        loop, self._loop = self._loop, None
        if loop is not None and self._thread is not None:
            loop.call_soon_threadsafe(loop.stop)
            self._thread.join()

    def call(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Return what `coroutine` returns, or raise what it raises. An interrupt of the caller cancels it first."""
        try:
            loop = self._running_loop()
        except RuntimeError:
            coroutine.close()
            raise
        future = asyncio.run_coroutine_threadsafe(coroutine, loop)
        try:
            return future.result()
        except concurrent.futures.CancelledError:
            raise RuntimeError("the client was closed while it was used by another thread") from None
        except BaseException:
            if not future.done():
                _cancel(future)
            raise

    def iterate(self, items: AsyncGenerator[T, None]) -> Generator[T, None, None]:
        """Yield what `items` does; it is closed with this generator, which is when nobody looks any more."""
        nothing = object()
        try:
            while (item := self.call(_next(items, nothing))) is not nothing:
                yield item  # type: ignore[misc]  # `nothing` is told apart by identity, which mypy does not follow
        finally:
            self._close(items)

    def _close(self, items: AsyncGenerator[T, None]) -> None:
        """A generator that nobody refers to is closed by whichever thread collects it, this one too."""
        loop = self._loop
        if loop is None:
            return  # the loop has closed it at its own end
        if threading.current_thread() is self._thread:
            closing = loop.create_task(_aclose(items))
            self._closing.add(closing)  # the loop itself refers to it weakly
            closing.add_done_callback(self._closing.discard)
        else:
            self.call(_aclose(items))

    def _running_loop(self) -> asyncio.AbstractEventLoop:
        if self._loop is None:
            raise RuntimeError("the client is not open: use `with SyncClient(...) as client`")
        if threading.current_thread() is self._thread:
            raise RuntimeError("cannot wait for the client in its own thread")
        return self._loop

    def _serve(self, ready: threading.Event) -> None:
        # The runner cancels what is left of the tasks, closes asynchronous generators and ends the pool of threads.
        with asyncio.Runner() as runner:
            self._loop = loop = runner.get_loop()
            loop.call_soon(ready.set)
            loop.run_forever()


def _cancel(future: concurrent.futures.Future[T]) -> None:
    """Return once the task has been told and has ended, so that what it held is given back."""
    future.cancel()
    concurrent.futures.wait((future,))


async def _next(items: AsyncGenerator[T, None], nothing: object) -> T | object:
    return await anext(items, nothing)


async def _aclose(items: AsyncGenerator[T, None]) -> None:
    await items.aclose()
