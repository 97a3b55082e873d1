"""The ring of events: numbers, gaps, followers, the end."""

import asyncio
import errno
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from containerd_py.engine.asking import asked_by
from containerd_py.engine.events import EventLog
from containerd_py.engine.selection import ContainerFilter, Selection, nanoseconds
from containerd_py.engine.views import Event, Peer
from containerd_py.store.events import EventStore, StoredEvent

LONG_S = 30


def published(count: int, *, kept: int = 4096) -> EventLog:
    log = EventLog(kept)
    for number in range(1, count + 1):
        log.publish("container.created", f"id{number}", f"name{number}")
    return log


async def read(log: EventLog, since: int | None, *, follow: bool = False) -> list[Event]:
    return [event async for event in log.read(Selection(since_id=since), follow=follow)]


async def take(log: EventLog, count: int, since: int | None) -> list[Event]:
    found: list[Event] = []
    reading = log.read(Selection(since_id=since), follow=True)
    async with asyncio.timeout(LONG_S):
        while len(found) < count:
            found.append(await anext(reading))
    return found


async def follower(log: EventLog, since: int | None) -> tuple[list[Event], asyncio.Task[None]]:
    """Start a subscriber that has read what there is, and waits."""
    found: list[Event] = []

    async def follow() -> None:
        async for event in log.read(Selection(since_id=since), follow=True):
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


async def test_a_number_of_before_a_boot_is_a_gap_of_unknown_size() -> None:
    """A subscriber that was there before would wait for ever for its number to come."""
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


async def test_events_that_tell_much_are_forgotten_sooner() -> None:
    """A client that may make containers could fill the memory of the daemon otherwise."""
    log = EventLog(kept=100, kept_bytes=5000)
    for _ in range(20):
        log.publish("container.created", "a", "a", {"k": "x" * 999})
    gap, *rest = await take(log, 6, 0)
    assert (gap.type, gap.seq) == ("gap", 15)
    assert [event.seq for event in rest] == list(range(16, 21))
    log.publish("container.created", "a", "a", {"k": "x" * 9999})
    (newest,) = await take(log, 1, 20)
    assert newest.seq == 21  # which is there in any case


@pytest.mark.parametrize(("since", "first"), [(14, "gap"), (15, "container.created")])
async def test_there_is_a_gap_only_where_something_is_missing(since: int, first: str) -> None:
    (event,) = await take(published(25, kept=10), 1, since)
    assert event.type == first


async def test_a_slow_subscriber_finds_a_gap_and_goes_on() -> None:
    log = published(1, kept=10)
    reading = log.read(Selection(since_id=0), follow=True)
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


async def test_a_slow_subscriber_is_counted_and_one_that_comes_late_is_not() -> None:
    log = published(25, kept=10)
    reading = log.read(Selection(since_id=0), follow=True)
    found = [await anext(reading) for _ in range(11)]
    assert (found[0].type, log.dropped) == ("gap", 0)
    waiting = asyncio.ensure_future(anext(reading))
    await asyncio.sleep(0)
    for _ in range(15):
        log.publish("container.created", "a", "a")
    assert (await waiting).attributes == {"dropped": "5"}
    assert log.dropped == 5
    log.close()
    await reading.aclose()  # type: ignore[attr-defined]  # it is a generator


# ── who asked, and whose it is ──


async def test_an_event_tells_who_asked_also_through_a_task() -> None:
    log = EventLog()

    async def work() -> None:
        log.publish("container.killed", "a", "a")

    with asked_by(Peer(7, 42)):
        task = asyncio.ensure_future(work())
    await task
    log.publish("container.exited", "a", "a")
    assert [event.asked_by for event in await read(log, 0)] == [Peer(7, 42), None]


LABELS = {"a" * 32: {"app": "web", "tier": ""}, "b" * 32: {"app": "db"}}


def labelled() -> EventLog:
    """Return a started, b started, a exited, and c, of no labels, deleted."""
    log = EventLog(labels_of=lambda container_id: LABELS.get(container_id, {}))
    log.publish("container.started", "a" * 32, "web")
    log.publish("container.started", "b" * 32, "data")
    log.publish("container.exited", "a" * 32, "web-2")
    log.publish("container.deleted", "c" * 32, "web", {"gone": "yes"})
    return log


@pytest.mark.parametrize(
    ("selection", "expected"),
    [
        (Selection(0), [1, 2, 3, 4]),
        (Selection(0, types=("container.started",)), [1, 2]),
        (Selection(0, types=("container.started", "container.exited")), [1, 2, 3]),
        (Selection(0, labels=("app",)), [1, 2, 3]),
        (Selection(0, labels=("app=web",)), [1, 3]),
        (Selection(0, labels=("tier=",)), [1, 3]),
        (Selection(0, labels=("app", "nothing")), []),
        (Selection(0, labels=("gone=yes",)), [4]),
        (Selection(0, containers=(ContainerFilter("data"),)), [2]),
        (Selection(0, containers=(ContainerFilter("web"),)), [1, 4]),
        (Selection(0, containers=(ContainerFilter("web", "a" * 32),)), [1, 3, 4]),
        (Selection(0, containers=(ContainerFilter("a" * 12), ContainerFilter("data"))), [1, 2, 3]),
        (Selection(0, containers=(ContainerFilter("a"),)), []),
        (Selection(0, types=("container.exited",), labels=("app=db",)), []),
    ],
)
async def test_filters(selection: Selection, expected: list[int]) -> None:
    assert [event.seq async for event in labelled().read(selection, follow=False)] == expected


async def test_a_gap_comes_whatever_the_filter() -> None:
    log = published(25, kept=10)
    selection = Selection(0, types=("container.oom",), labels=("x",))
    assert [event.type async for event in log.read(selection, follow=False)] == ["gap"]


# ── times ──


def at(event: Event, **shift: float) -> int:
    return nanoseconds(event.time + timedelta(**shift))


async def test_events_of_a_time() -> None:
    log = published(5)
    events = await read(log, 0)
    spread = [Event(e.seq, e.time + timedelta(hours=e.seq - 9), e.type, e.id, e.name, {}) for e in events]
    log._ring.clear()
    log._ring.extend(spread)
    cases: list[tuple[Selection, list[int]]] = [
        (Selection(since_ns=at(spread[1])), [2, 3, 4, 5]),
        (Selection(since_ns=at(spread[1], microseconds=1)), [3, 4, 5]),
        (Selection(since_ns=at(spread[1]), until_ns=at(spread[3])), [2, 3, 4]),
        (Selection(until_ns=at(spread[2], microseconds=-1)), [1, 2]),
        (Selection(3, until_ns=at(spread[3])), [4]),
        (Selection(since_ns=0), [1, 2, 3, 4, 5]),
        (Selection(since_ns=at(spread[4], hours=100)), []),
    ]
    for selection, expected in cases:
        assert [event.seq async for event in log.read(selection, follow=False)] == expected, selection


async def test_a_time_before_what_is_kept_is_a_gap_and_one_within_is_none() -> None:
    log = published(25, kept=10)
    first = [event async for event in log.read(Selection(since_ns=0), follow=False)]
    assert (first[0].type, first[0].attributes, first[1].seq) == ("gap", {"dropped": "unknown"}, 16)
    within = Selection(since_ns=at(first[1], microseconds=1))
    assert "gap" not in [event.type async for event in log.read(within, follow=False)]


async def test_following_ends_at_its_time() -> None:
    log = published(2)
    until = nanoseconds(datetime.now(UTC)) + 50_000_000
    async with asyncio.timeout(LONG_S):
        assert [event.seq async for event in log.read(Selection(0, until_ns=until), follow=True)] == [1, 2]
        over = Selection(until_ns=nanoseconds(datetime.now(UTC)))
        assert [event.seq async for event in log.read(over, follow=True)] == [1, 2]


async def test_following_until_a_time_that_is_far_gets_what_comes() -> None:
    log = published(2)
    far = Selection(0, until_ns=900_000_000_000 * 10**9)
    reading = log.read(far, follow=True)
    async with asyncio.timeout(LONG_S):
        assert [(await anext(reading)).seq for _ in range(2)] == [1, 2]
        waiting = asyncio.ensure_future(anext(reading))
        await asyncio.sleep(0)
        log.publish("container.exited", "a", "a")
        assert (await waiting).seq == 3
    log.close()
    await reading.aclose()  # type: ignore[attr-defined]  # it is a generator


# ── what outlives a daemon ──


def daemon(tmp_path: Path, *, kept: int = 4096, largest_file: int = 2 << 20) -> EventLog:
    log = EventLog(kept, store=EventStore(str(tmp_path), largest_file=largest_file), labels_of=lambda _: {"k": "v"})
    log.restore()
    return log


async def test_events_and_their_numbers_go_on_after_a_restart(tmp_path: Path) -> None:
    first = daemon(tmp_path)
    with asked_by(Peer(7, 42)):
        first.publish("container.created", "a", "web", cause="x")
    first.publish("container.exited", "a", "web")
    before = await read(first, 0)
    second = daemon(tmp_path)
    assert await read(second, 0) == before
    second.publish("container.deleted", "a", "web")
    assert [event.seq for event in await read(second, 1)] == [2, 3]
    assert before[0].labels == {"k": "v"}
    assert before[0].asked_by == Peer(7, 42)


async def test_what_is_no_event_is_skipped_told_and_a_gap(tmp_path: Path) -> None:
    log = daemon(tmp_path)
    for _ in range(4):
        log.publish("container.created", "a", "a")
    path = tmp_path / "events.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    torn = lines[3][:20]
    path.write_bytes(lines[0] + b'{"seq": "x"}\n' + b"\xff\xfe\n" + lines[0] + lines[2] + torn)
    with capture_logs() as told:
        again = daemon(tmp_path)
    assert [(line["log_level"], line["lines"]) for line in told] == [("warning", 4)]
    again.publish("container.exited", "a", "a")
    third = await read(daemon(tmp_path), 0)
    assert [(event.seq, event.type) for event in third] == [
        *((1, "container.created"), (2, "gap"), (3, "container.created"), (4, "container.exited")),
    ]
    assert third[1].attributes == {"dropped": "1"}


async def test_the_files_are_bounded(tmp_path: Path) -> None:
    log = daemon(tmp_path, largest_file=2000)
    for _ in range(200):
        log.publish("container.created", "a", "a")
    sizes = {path.name: path.stat().st_size for path in tmp_path.iterdir()}
    assert set(sizes) <= {"events.jsonl", "events.jsonl.1", "events.last"}
    assert max(sizes.values()) < 2300
    kept = await read(daemon(tmp_path), 0)
    assert (kept[0].type, kept[-1].seq) == ("gap", 200)
    assert kept[0].attributes == {"dropped": str(kept[1].seq - 1)}


async def test_no_more_than_the_ring_is_taken_up(tmp_path: Path) -> None:
    log = daemon(tmp_path)
    for _ in range(20):
        log.publish("container.created", "a", "a")
    assert [event.seq for event in await read(daemon(tmp_path, kept=5), 15)] == [16, 17, 18, 19, 20]


class FullStore(EventStore):
    """A disk that is full for the second and the third event."""

    asked = 0

    def append(self, event: StoredEvent) -> None:
        self.asked += 1
        if self.asked in (2, 3):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        super().append(event)


async def test_a_full_disk_costs_the_next_daemon_some_events_and_is_told_once(tmp_path: Path) -> None:
    log = EventLog(store=FullStore(str(tmp_path)))
    with capture_logs() as told:
        for _ in range(4):
            log.publish("container.created", "a", "a")
    assert [line["log_level"] for line in told] == ["warning"]
    assert [event.seq for event in await read(log, 0)] == [1, 2, 3, 4]
    assert [(event.seq, event.type) for event in await read(daemon(tmp_path), 0)] == [
        *((1, "container.created"), (3, "gap"), (4, "container.created")),
    ]


def test_a_link_in_the_place_of_the_file_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "target").write_text("")
    (tmp_path / "events.jsonl").symlink_to(tmp_path / "target")
    with capture_logs() as told:
        daemon(tmp_path).publish("container.created", "a", "a")
    assert [line["log_level"] for line in told] == ["warning", "warning"]
    assert (tmp_path / "target").read_text() == ""


class NoRoomFrom(EventStore):
    """A disk that is full from the third event on."""

    full_from = 3

    def append(self, event: StoredEvent) -> None:
        if event.seq >= self.full_from:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        super().append(event)


async def test_no_number_is_used_again_after_a_full_disk(tmp_path: Path) -> None:
    """Who has seen event 5 asks the next daemon for what came after it, and must not miss another event 4."""
    full = EventLog(store=NoRoomFrom(str(tmp_path)))
    full.restore()
    for _ in range(5):
        full.publish("container.created", "a", "a")
    after = daemon(tmp_path)
    assert [(event.seq, event.type, event.attributes) for event in await read(after, 0)][2:] == [
        (5, "gap", {"dropped": "3"})
    ]
    assert await read(after, 5) == []
    after.publish("container.deleted", "a", "a")
    assert [event.seq for event in await read(after, 5)] == [6]
    assert [(event.seq, event.type) for event in await read(after, 2)] == [(5, "gap"), (6, "container.deleted")]
    assert [event.seq for event in await read(daemon(tmp_path), 5)] == [6]


async def test_a_log_without_any_kept_event_ends(tmp_path: Path) -> None:
    store = NoRoomFrom(str(tmp_path))
    store.full_from = 1
    full = EventLog(store=store)
    full.restore()
    full.publish("container.created", "a", "a")
    assert [(event.seq, event.type) for event in await read(daemon(tmp_path), 0)] == [(1, "gap")]


@pytest.mark.parametrize("content", [b"", b"12", b"x" * 20, b"-" + b"1" * 19])
def test_a_mark_that_is_none_is_left_out(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "events.last").write_bytes(content)
    log = daemon(tmp_path)
    log.publish("container.created", "a", "a")
    assert log.published == {"container.created": 1}
    assert b'"seq":1,' in (tmp_path / "events.jsonl").read_bytes()
