"""Work by a thread of its own."""

import asyncio
import threading

import pytest

from containerd_py.engine.own_thread import in_own_thread


def fail() -> None:
    raise ValueError("broken")


async def test_it_returns_and_raises_what_the_work_does() -> None:
    assert await in_own_thread(divmod, 7, 2) == (3, 1)
    assert await in_own_thread(int, "ff", base=16) == 255
    with pytest.raises(ValueError, match="broken"):
        await in_own_thread(fail)


async def test_many_that_hang_hold_up_neither_each_other_nor_those_of_others() -> None:
    gate, ended = threading.Event(), threading.Semaphore(0)

    def hang() -> None:
        gate.wait(20)
        ended.release()

    hanging = [asyncio.create_task(in_own_thread(hang)) for _ in range(100)]
    await asyncio.sleep(0)
    assert await in_own_thread(threading.active_count) > 100
    assert await asyncio.to_thread(len, "abc") == 3
    hanging[0].cancel()
    with pytest.raises(asyncio.CancelledError):
        await hanging[0]
    gate.set()
    await asyncio.gather(*hanging[1:])
    assert ended.acquire(timeout=20)  # the one that was cancelled has gone on too
    assert all(ended.acquire(timeout=20) for _ in range(99))


class Thing:
    """Something that is opened."""

    def __init__(self, gate: threading.Event) -> None:
        gate.wait(20)
        self.closed = threading.Event()
        THINGS.append(self)

    def close(self) -> None:
        self.closed.set()


THINGS: list[Thing] = []


async def test_what_is_opened_for_nobody_any_more_is_closed() -> None:
    THINGS.clear()
    gate = threading.Event()
    opening = asyncio.create_task(in_own_thread(Thing, gate))
    await asyncio.sleep(0)
    opening.cancel()
    with pytest.raises(asyncio.CancelledError):
        await opening
    gate.set()
    async with asyncio.timeout(20):
        while not THINGS or not THINGS[0].closed.is_set():
            await asyncio.sleep(0.001)


async def test_what_is_opened_at_the_moment_of_the_cancellation_is_closed() -> None:
    THINGS.clear()
    gate = threading.Event()
    opening = asyncio.create_task(in_own_thread(Thing, gate))
    await asyncio.sleep(0)
    gate.set()
    while not THINGS:
        pass  # the loop does not learn of it yet
    asyncio.get_running_loop().call_soon(opening.cancel)  # after it has learned, and before the task goes on
    with pytest.raises(asyncio.CancelledError):
        await opening
    assert THINGS[0].closed.is_set()


async def test_a_host_without_room_for_a_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    def start(_thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", start)
    with pytest.raises(BlockingIOError, match="no thread"):
        await in_own_thread(fail)


def test_the_loop_may_end_before_the_work() -> None:
    gate, ended = threading.Event(), threading.Event()

    def hang() -> None:
        gate.wait(20)
        ended.set()

    async def leave() -> None:
        task = asyncio.create_task(in_own_thread(hang))
        await asyncio.sleep(0)
        task.cancel()

    asyncio.run(leave())
    gate.set()
    assert ended.wait(20)
