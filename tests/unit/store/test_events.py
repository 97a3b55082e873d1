"""The file of events on a disk that is full."""

import errno
from datetime import UTC, datetime
from pathlib import Path

import pytest

from containerd_py.store.events import EventStore, StoredEvent
from tests.unit.store.small_disk import needs_root, small_disk


def event(seq: int, size: int = 1000) -> StoredEvent:
    return StoredEvent(
        seq=seq,
        time=datetime(2026, 1, 2, tzinfo=UTC),
        type="container.created",
        id="a",
        name="a",
        attributes={"x": "y" * size},
    )


def fill(store: EventStore) -> int:
    """Append until there is no room; return the number of the event that had none."""
    for seq in range(1, 1000):
        try:
            store.append(event(seq))
        except OSError as problem:
            if problem.errno != errno.ENOSPC:
                raise
            return seq
    pytest.fail("the disk has no end")


@needs_root
def test_an_event_that_has_no_room_leaves_no_part_of_it() -> None:
    with small_disk() as directory:
        store = EventStore(directory)
        seq = fill(store)
        assert seq > 10
        assert (Path(directory) / "events.jsonl").read_bytes().endswith(b"\n")
        found, skipped = store.load(5000)
        assert ([one.seq for one in found], skipped) == (list(range(1, seq)), 0)


def test_an_event_after_one_that_was_cut_off_has_a_line_of_its_own(tmp_path: Path) -> None:
    store = EventStore(str(tmp_path))
    (tmp_path / "events.jsonl").write_bytes(b'{"seq": 1, "ti')
    store.append(event(2))
    found, skipped = store.load(10)
    assert ([one.seq for one in found], skipped) == ([2], 1)


@needs_root
def test_a_number_is_marked_on_a_full_disk() -> None:
    with small_disk() as disk:
        store = EventStore(disk)
        assert store.prepare() == 0
        seq = fill(store)
        store.mark(seq)
        assert EventStore(disk).prepare() == seq
