"""Entries of the journal, and the socket they go through: no value is taken for further fields, nobody waits for ever."""

import asyncio
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from containerd_py.engine.journal import Journal, check_labels, label_field
from containerd_py.errors import NotSupported
from containerd_py.journal_entry import encode
from tests.integration.journal import FakeJournal, parse
from tests.unit.engine.descriptors import no_descriptors

NAMES = st.from_regex(r"[A-Z][A-Z0-9_]{0,20}", fullmatch=True)
FIELDS = st.lists(st.tuples(NAMES, st.binary(max_size=40)), max_size=6)


@given(fields=FIELDS)
def test_whatever_a_value_holds_it_stays_one(fields: list[tuple[str, bytes]]) -> None:
    expected: dict[str, list[bytes]] = {}
    for name, value in fields:
        expected.setdefault(name, []).append(value)
    assert parse(encode(fields)) == expected


@pytest.mark.parametrize(
    ("key", "field"),
    [
        ("app", "CONTAINER_LABEL_APP"),
        ("com.example/tier-1", "CONTAINER_LABEL_COM_EXAMPLE_TIER_1"),
        ("a=b\nMESSAGE", "CONTAINER_LABEL_A_B_MESSAGE"),
        ("größe", "CONTAINER_LABEL_GR_SSE"),
        ("", "CONTAINER_LABEL_"),
        ("x" * 100, "CONTAINER_LABEL_" + "X" * 48),
    ],
)
def test_a_label_becomes_a_field(key: str, field: str) -> None:
    assert label_field(key) == field
    assert len(field) <= 64


def test_labels_that_are_too_many() -> None:
    check_labels({str(number): "" for number in range(256)})
    for labels in ({str(number): "" for number in range(257)}, {"a": "é" * 32_768}):
        with pytest.raises(NotSupported, match="cannot send labels"):
            check_labels(labels)


async def test_one_that_is_away_is_told_once_and_found_again(tmp_path: Path) -> None:
    other = FakeJournal(tmp_path / "socket")
    journal = Journal(str(other.path))
    try:
        with capture_logs() as logs:
            for _ in range(2):
                assert not await journal.send(b"A=1\n", giving_up=lambda: True)
            waiting = asyncio.create_task(journal.send(b"A=2\n", giving_up=lambda: False))
            await asyncio.sleep(0)
            other.listen()
            other.read()
            assert await waiting
            await other.until(lambda: len(other.entries) == 1)
        assert [line["log_level"] for line in logs] == ["warning", "info"]
        other.vanish()  # and another one takes its place: the connection is made again
        other.listen()
        other.read()
        assert await journal.send(b"A=3\n", giving_up=lambda: False)
        await other.until(lambda: len(other.entries) == 2)
        assert other.entries == [{"A": [b"2"]}, {"A": [b"3"]}]
    finally:
        journal.close()
        other.vanish()


async def test_a_daemon_without_descriptors_waits_for_one(tmp_path: Path) -> None:
    other = FakeJournal(tmp_path / "socket")
    other.listen()
    journal = Journal(str(other.path))
    try:
        with no_descriptors():
            assert not await journal.send(b"A=1\n", giving_up=lambda: True)
        other.read()
        assert await journal.send(b"A=2\n", giving_up=lambda: False)
        await other.until(lambda: other.entries == [{"A": [b"2"]}])
    finally:
        journal.close()
        other.vanish()


async def test_one_that_is_full_is_waited_for(tmp_path: Path) -> None:
    other = FakeJournal(tmp_path / "socket")
    other.listen()
    journal = Journal(str(other.path))
    try:
        sent = 0
        while await journal.send(b"A=%d\n" % sent, giving_up=lambda: True):
            sent += 1
        waiting = asyncio.create_task(journal.send(b"A=%d\n" % sent, giving_up=lambda: False))
        other.read()
        assert await waiting
        await other.until(lambda: len(other.entries) == sent + 1)
    finally:
        journal.close()
        other.vanish()


async def test_what_no_datagram_takes_is_an_error(tmp_path: Path) -> None:
    other = FakeJournal(tmp_path / "socket")
    other.listen()
    journal = Journal(str(other.path))
    try:
        with pytest.raises(OSError, match="Message too long"):
            await journal.send(bytes(32 << 20), giving_up=lambda: False)
    finally:
        journal.close()
        other.vanish()
