"""The ring of events: numbers, gaps, followers, the end."""

import asyncio

import pytest

from containerd_py.engine.events import EventLog
from containerd_py.engine.views import Event

LONG_S = 10


def published(count: int, *, kept: int = 4096) -> EventLog:
    log = EventLog(kept)
    for number in range(1, count + 1):
        log.publish("container.created", f"id{number}", f"name{number}")
    return log


async def read(log: EventLog, since: int | None, *, follow: bool = False) -> list[Event]:
    return [event async for event in log.read(since=since, follow=follow)]


async def take(log: EventLog, count: int, since: int | None) -> list[Event]:
    found: list[Event] = []
    reading = log.read(since=since, follow=True)
    async with asyncio.timeout(LONG_S):
        while len(found) < count:
            found.append(await anext(reading))
    return found


async def follower(log: EventLog, since: int | None) -> tuple[list[Event], asyncio.Task[None]]:
    """Start a subscriber that has read what there is, and waits."""
    found: list[Event] = []

    async def follow() -> None:
        async for event in log.read(since=since, follow=True):
            found.append(event)  # noqa: PERF401 - others look at it meanwhile

    task = asyncio.ensure_future(follow())
    await asyncio.sleep(0)
    return found, task


async def test_an_event_says_what_happened_to_whom() -> None:
    log = EventLog()
    log.publish("container.exited", "abc", "web", exit_code="3", reason="exited")
    (event,) = await read(log, 0)
    assert (event.seq, event.type, event.id, event.name) == (1, "container.exited", "abc", "web")
    assert event.attributes == {"exit_code": "3", "reason": "exited"}
    assert event.time.utcoffset() is not None


@pytest.mark.parametrize(("since", "expected"), [(0, [1, 2, 3]), (1, [2, 3]), (2, [3]), (3, []), (None, [])])
async def test_reading_begins_after_a_number(since: int | None, expected: list[int]) -> None:
    assert [event.seq for event in await read(published(3), since)] == expected


async def test_a_number_of_an_earlier_daemon_is_a_gap_of_unknown_size() -> None:
    """A subscriber that was there before a restart would wait for ever for its number to come."""
    gap, *rest = await read(published(3), 99)
    assert (gap.type, gap.seq, gap.attributes) == ("gap", 0, {"dropped": "unknown"})
    assert [event.seq for event in rest] == [1, 2, 3]


async def test_an_empty_log_has_nothing() -> None:
    assert await read(EventLog(), 0) == []


@pytest.mark.parametrize("since", [None, 5])
async def test_a_follower_gets_what_comes(since: int | None) -> None:
    log = published(5)
    found, task = await follower(log, since)
    assert found == []
    for kind in ("container.started", "container.exited"):
        log.publish(kind, "a", "a")
        await asyncio.sleep(0)
        await asyncio.sleep(0)
    assert [(event.seq, event.type) for event in found] == [(6, "container.started"), (7, "container.exited")]
    log.close()
    await asyncio.wait_for(task, LONG_S)


async def test_a_follower_loses_nothing_between_old_and_new() -> None:
    log = published(1000)
    task = asyncio.ensure_future(take(log, 1300, 0))
    for _ in range(300):
        log.publish("container.created", "a", "a")
        await asyncio.sleep(0)
    assert [event.seq for event in await task] == list(range(1, 1301))


async def test_what_is_forgotten_is_told_as_a_gap() -> None:
    events = await take(published(25, kept=10), 11, 3)
    gap, *rest = events
    assert (gap.type, gap.seq, gap.id, gap.name) == ("gap", 15, None, None)
    assert gap.attributes == {"dropped": "12"}  # 4 to 15
    assert [event.seq for event in rest] == list(range(16, 26))


@pytest.mark.parametrize(("since", "first"), [(14, "gap"), (15, "container.created")])
async def test_there_is_a_gap_only_where_something_is_missing(since: int, first: str) -> None:
    (event,) = await take(published(25, kept=10), 1, since)
    assert event.type == first


async def test_a_slow_subscriber_finds_a_gap_and_goes_on() -> None:
    log = published(1, kept=10)
    reading = log.read(since=0, follow=True)
    assert (await anext(reading)).seq == 1
    for _ in range(600):  # more than a batch and than the ring
        log.publish("container.created", "a", "a")
    async with asyncio.timeout(LONG_S):
        gap = await anext(reading)
        assert (gap.type, gap.attributes) == ("gap", {"dropped": "590"})
        assert [(await anext(reading)).seq for _ in range(10)] == list(range(592, 602))
    log.close()
    assert [event async for event in reading] == []


async def test_close_ends_those_that_wait_and_those_that_come() -> None:
    log = published(2)
    tasks = [(await follower(log, since))[1] for since in (None, 0)]
    log.close()
    await asyncio.wait_for(asyncio.gather(*tasks), LONG_S)
    assert [event.seq for event in await read(log, 0, follow=True)] == [1, 2]


@pytest.mark.parametrize(
    ("count", "kept"),
    [
        pytest.param(1000, 4096, id="more than a batch"),
        pytest.param(25, 10, id="after a gap"),
    ],
)
async def test_reading_without_following_gives_all_there_is(count: int, kept: int) -> None:
    events = await read(published(count, kept=kept), 0)
    assert events[-1].seq == count
