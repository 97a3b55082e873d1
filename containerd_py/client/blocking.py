"""Methods of an asynchronous class as methods of its synchronous twin, with their parameters, types and docstrings.

    class SyncClient:
        start = blocking(Client.start)      # SyncClient().start("web") → None
        logs = iterating(Client.logs)       # SyncClient().logs("web") → Generator[bytes, None, None]

The twin has the asynchronous object as `_asynchronous`, and the thread that it lives in as `_thread`.
"""

from __future__ import annotations

import functools
import inspect
from typing import TYPE_CHECKING, Concatenate, Generic, ParamSpec, Protocol, TypeVar, overload

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Coroutine, Generator
    from typing import Any, Self

    from containerd_py.client.loop_thread import LoopThread

P = ParamSpec("P")
R = TypeVar("R")
S = TypeVar("S")
T = TypeVar("T")


class Twin(Protocol):
    """What has such methods."""

    _asynchronous: Any
    _thread: LoopThread


class SyncMethod(Generic[P, R]):
    """A descriptor: bound to a twin it is a function of `P` that returns `R`."""

    def __init__(self, method: Callable[..., object], run: Callable[[Twin, Callable[..., Any]], Callable[..., R]]) -> None:
        self._method = method
        self._run = run
        functools.update_wrapper(self, method)
        self.__signature__ = inspect.signature(method)

    @overload
    def __get__(self, twin: None, owner: type) -> Self: ...
    @overload
    def __get__(self, twin: Twin, owner: type) -> Callable[P, R]: ...
    def __get__(self, twin: Twin | None, owner: type) -> Self | Callable[P, R]:
        if twin is None:
            return self
        bound = getattr(twin._asynchronous, self._method.__name__)  # noqa: SLF001  # as `Twin` says
        return functools.wraps(bound)(self._run(twin, bound))

    def __call__(self, twin: Twin, /, *args: P.args, **kwargs: P.kwargs) -> R:
        """As a function of the twin: `SyncClient.start(client, "web")`."""
        return self.__get__(twin, type(twin))(*args, **kwargs)


def blocking(method: Callable[Concatenate[T, P], Coroutine[Any, Any, R]]) -> SyncMethod[P, R]:
    """Return when the coroutine has, with what it did."""
    return SyncMethod(method, _run_blocking)


def iterating(method: Callable[Concatenate[T, P], AsyncGenerator[R, None]]) -> SyncMethod[P, Generator[R, None, None]]:
    """Iterate over what the asynchronous iterator yields."""
    return SyncMethod(method, _run_iterating)


def attaching(
    method: Callable[Concatenate[T, P], Coroutine[Any, Any, R]], twin_of: Callable[[R, LoopThread], S]
) -> SyncMethod[P, S]:
    """Return what the coroutine does, as its own synchronous twin."""

    def run(twin: Twin, bound: Callable[..., Coroutine[Any, Any, R]]) -> Callable[..., S]:
        return lambda *args, **kwargs: twin_of(twin._thread.call(bound(*args, **kwargs)), twin._thread)  # noqa: SLF001  # as `Twin` says

    return SyncMethod(method, run)


def _run_blocking(twin: Twin, bound: Callable[..., Coroutine[Any, Any, R]]) -> Callable[..., R]:
    return lambda *args, **kwargs: twin._thread.call(bound(*args, **kwargs))  # noqa: SLF001  # as `Twin` says


def _run_iterating(twin: Twin, bound: Callable[..., AsyncGenerator[R, None]]) -> Callable[..., Generator[R, None, None]]:
    return lambda *args, **kwargs: twin._thread.iterate(bound(*args, **kwargs))  # noqa: SLF001  # as `Twin` says
