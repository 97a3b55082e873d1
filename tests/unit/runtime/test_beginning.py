"""Whether a payload has begun, asked at any time."""

from collections.abc import Iterator
from socket import socket

import pytest

from containerd_py.runtime.beginning import Beginning
from containerd_py.runtime.init import dialogue
from containerd_py.runtime.launcher import open_dialogue

Pair = tuple[socket, socket]


@pytest.fixture
def pair() -> Iterator[Pair]:
    ours, theirs = open_dialogue()
    with ours, theirs:
        yield ours, theirs


@pytest.fixture
def beginning(pair: Pair) -> Beginning:
    watching = Beginning()
    watching.watch(pair[0])
    return watching


def test_nothing_is_watched_yet() -> None:
    assert not Beginning().has_come()


def test_before_the_last_word(beginning: Beginning, pair: Pair) -> None:
    assert not beginning.has_come()
    dialogue.send_failed(pair[1], 0, 0, "no")
    assert not beginning.has_come()


def test_an_unread_last_word_counts_and_stays(beginning: Beginning, pair: Pair) -> None:
    dialogue.send_times(pair[1], [1])
    assert beginning.has_come()
    assert isinstance(dialogue.receive(pair[0])[0], dialogue.Times)


def test_one_that_is_being_read_counts_once_the_socket_is_closed_by_exec(beginning: Beginning, pair: Pair) -> None:
    dialogue.send_times(pair[1], [1])
    dialogue.receive(pair[0])  # and a signal comes before its reader could say that it was heard
    assert not beginning.has_come()
    pair[1].close()
    assert beginning.has_come()


def test_one_that_was_read_counts_when_the_socket_is_closed(beginning: Beginning, pair: Pair) -> None:
    beginning.heard = True
    pair[0].close()
    assert beginning.has_come()
