"""Operations: who sees which, how they end, and how many are kept."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest
import pytest_asyncio

from containerd_py.engine.events import EventLog
from containerd_py.engine.operations import Operations, expecting
from containerd_py.engine.scope import Scope, within
from containerd_py.engine.tasks import Tasks
from containerd_py.errors import Conflict, NotFound, Unavailable

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from containerd_py.engine.containers import Container


def container(**labels: str) -> Container:
    return cast("Container", SimpleNamespace(id="c1", name="web", record=SimpleNamespace(labels=labels)))


@pytest_asyncio.fixture
async def operations() -> AsyncIterator[Operations]:
    tasks = Tasks()
    yield Operations(tasks, EventLog())
    await tasks.close(deadline_s=1)


async def answer(value: Any) -> Any:
    return value


async def test_it_goes_on_without_the_one_who_asked(operations: Operations) -> None:
    gate = asyncio.Event()
    with expecting() as begun:
        asked = asyncio.ensure_future(operations.run("stop", container(), gate.wait()))
    operation = await begun
    asked.cancel()
    await asyncio.wait((asked,))
    assert operations.get(operation.id).finished_at is None
    waiting = asyncio.ensure_future(operations.waiting(operation.id))
    gate.set()
    told = await waiting
    assert (told.action, told.container_name, told.error, told.result) == ("stop", "web", None, True)
    assert told.finished_at is not None


async def test_a_failure_is_kept_and_raised(operations: Operations) -> None:
    async def fail() -> None:
        raise Conflict("cannot do it")

    with pytest.raises(Conflict):
        await operations.run("start", container(), fail())
    (told,) = operations.list()
    assert told.error is not None
    assert told.error.message == "cannot do it"

    async def break_down() -> None:
        raise RuntimeError("a defect")

    with pytest.raises(RuntimeError):
        await operations.run("start", container(), break_down())
    error = operations.list()[-1].error
    assert error is not None
    assert error.kind == "internal"


async def test_only_what_a_scope_shows_is_there(operations: Operations) -> None:
    web, sql = Scope(("team=web",)), Scope(("team=sql",))
    await operations.run("stop", container(team="web"), answer(None))
    with within(web):
        await operations.run("prune", None, answer(None))
    await operations.run("prune", None, answer(None))
    assert len(operations.list()) == 3
    with within(web):
        assert [one.action for one in operations.list()] == ["stop", "prune"]
    hidden = operations.list()[0].id
    with within(sql):
        assert operations.list() == ()
        with pytest.raises(NotFound, match="there is none such"):
            operations.get(hidden)
        with pytest.raises(NotFound):
            await operations.waiting(hidden)


async def test_the_oldest_are_forgotten(operations: Operations) -> None:
    for _ in range(300):
        await operations.run("start", container(), answer(None))
    assert len(operations.list()) == 256


async def test_a_daemon_that_stops_ends_waits(operations: Operations) -> None:
    gate = asyncio.Event()
    with expecting() as begun:
        asked = asyncio.ensure_future(operations.run("stop", container(), gate.wait()))
    waiting = asyncio.ensure_future(operations.waiting((await begun).id))
    await asyncio.sleep(0)
    operations.close()
    with pytest.raises(Unavailable, match="the daemon is stopping"):
        await waiting
    gate.set()
    assert await asked
