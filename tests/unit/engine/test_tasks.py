"""The owner of background tasks."""

import asyncio
import gc
import threading
from typing import Any

import pytest
from structlog.testing import capture_logs

from containerd_py.engine.tasks import Tasks, made_whole, to_its_end


async def fail() -> None:
    raise RuntimeError("broken")


async def test_close_lets_a_task_end_by_itself() -> None:
    tasks, gate, ended = Tasks(), asyncio.Event(), []

    async def work() -> str:
        await gate.wait()
        ended.append(True)
        return "done"

    task = tasks.start(work(), name="work")
    asyncio.get_running_loop().call_later(0.02, gate.set)
    await tasks.close(deadline_s=5)
    assert ended == [True]
    assert task.result() == "done"
    assert task.get_name() == "work"


async def test_close_cancels_what_goes_on_after_the_deadline() -> None:
    tasks = Tasks()
    task = tasks.start(asyncio.Event().wait(), name="for ever")
    await tasks.close(deadline_s=0.01)
    assert task.cancelled()


async def test_close_waits_for_the_cleaning_up_of_what_it_cancels() -> None:
    tasks, cleaned = Tasks(), []

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0.02)
            cleaned.append(True)

    tasks.start(work(), name="slow to end")
    await tasks.close(deadline_s=0.01)
    assert cleaned == [True]


async def test_closing_without_tasks_returns_at_once() -> None:
    tasks = Tasks()
    await asyncio.wait_for(tasks.close(deadline_s=60), 1)


async def test_a_failure_is_logged_once() -> None:
    tasks = Tasks()
    with capture_logs() as logs:
        tasks.start(fail(), name="exit abc")
        await tasks.close(deadline_s=5)
    assert [(entry["log_level"], entry["task"], str(entry["exc_info"])) for entry in logs] == [
        ("error", "exit abc", "broken")
    ]


async def test_a_failure_somebody_waits_for_is_theirs_to_tell() -> None:
    tasks = Tasks()
    with capture_logs() as logs:
        task = tasks.start(fail(), name="start", quiet=True)
        with pytest.raises(RuntimeError, match="broken"):
            await task
    assert logs == []


async def test_a_quiet_failure_nobody_waits_for_any_more_is_not_reported_as_forgotten() -> None:
    told: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _loop, context: told.append(context))
    tasks = Tasks()
    tasks.start(fail(), name="start", quiet=True)
    await tasks.close(deadline_s=5)
    del tasks
    gc.collect()
    await asyncio.sleep(0)
    assert told == []


async def test_an_ended_task_is_held_no_longer() -> None:
    tasks = Tasks()
    await tasks.start(asyncio.sleep(0), name="short")
    await asyncio.sleep(0)
    assert not tasks._running


async def test_what_is_cancelled_waits_for_the_thread_that_it_has_begun() -> None:
    """Else the file that the thread writes would be written by two."""
    going, told = threading.Event(), []

    def write() -> None:
        going.wait(20)
        told.append("written")

    task = asyncio.create_task(to_its_end(asyncio.to_thread(write)))
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.sleep(0)
    assert (task.done(), told) == (False, [])
    going.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert told == ["written"]
    assert await to_its_end(asyncio.sleep(0, "result")) == "result"


async def test_what_is_made_when_its_maker_is_cancelled_is_waited_for_and_closed() -> None:
    begun, gate, closed = threading.Event(), threading.Event(), []

    class Made:
        def close(self) -> None:
            closed.append(True)

    def make() -> Made:
        begun.set()
        gate.wait(30)
        return Made()

    making = asyncio.create_task(made_whole(asyncio.to_thread(make)))
    await asyncio.to_thread(begun.wait, 30)
    making.cancel()
    await asyncio.sleep(0.05)
    assert not making.done()
    gate.set()
    with pytest.raises(asyncio.CancelledError):
        await making
    assert closed == [True]


async def test_what_could_not_be_made_after_all_is_no_matter_to_who_was_cancelled() -> None:
    begun, gate = threading.Event(), threading.Event()

    def fail_to_make() -> Any:
        begun.set()
        gate.wait(30)
        raise OSError("refused")

    making = asyncio.create_task(made_whole(asyncio.to_thread(fail_to_make)))
    await asyncio.to_thread(begun.wait, 30)
    making.cancel()
    await asyncio.sleep(0.05)
    gate.set()
    with pytest.raises(asyncio.CancelledError):
        await making
