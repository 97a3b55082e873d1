"""Waiting for a change."""

import asyncio

import pytest

from containerd_py.engine.changes import Changes


async def waiting(changes: Changes, count: int) -> list[asyncio.Task[None]]:
    tasks = [asyncio.ensure_future(changes.wait()) for _ in range(count)]
    await asyncio.sleep(0)
    return tasks


async def test_every_waiter_is_woken_by_one_change() -> None:
    changes = Changes()
    tasks = await waiting(changes, 3)
    assert not any(task.done() for task in tasks)
    changes.announce()
    await asyncio.wait_for(asyncio.gather(*tasks), 5)


async def test_a_change_before_waiting_is_not_seen() -> None:
    changes = Changes()
    changes.announce()
    (task,) = await waiting(changes, 1)
    await asyncio.sleep(0)
    assert not task.done()
    changes.announce()
    await asyncio.wait_for(task, 30)


async def test_waiting_again_needs_another_change() -> None:
    changes = Changes()
    for _ in range(3):
        (task,) = await waiting(changes, 1)
        assert not task.done()
        changes.announce()
        await asyncio.wait_for(task, 30)


async def test_a_waiter_that_gives_up_is_forgotten() -> None:
    changes = Changes()
    given_up, other = await waiting(changes, 2)
    given_up.cancel()
    with pytest.raises(asyncio.CancelledError):
        await given_up
    assert len(changes._waiting) == 1
    changes.announce()
    await asyncio.wait_for(other, 30)
    assert not changes._waiting


async def test_a_waiter_cancelled_while_the_change_comes_disturbs_nobody() -> None:
    changes = Changes()
    first, second = await waiting(changes, 2)
    first.cancel()
    changes.announce()  # before the cancelled one has run
    await asyncio.wait_for(second, 30)
    with pytest.raises(asyncio.CancelledError):
        await first
