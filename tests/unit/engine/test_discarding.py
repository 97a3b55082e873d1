"""Throwing away what payloads have sent."""

import array
import asyncio
import os
import socket
import threading

import pytest

from containerd_py.engine.notify.discarding import Discarding, retire
from containerd_py.runtime.linux.senders import ask_for_senders, discard, peek
from tests.unit.engine.descriptors import no_descriptors


def pair() -> tuple[socket.socket, socket.socket]:
    receiver, sender = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    ask_for_senders(receiver)
    return receiver, sender


def send_descriptor(sender: socket.socket, text: bytes) -> int:
    """Return the reading end of a pipe whose only writing end is in the message."""
    reading, writing = os.pipe()
    sender.sendmsg([text], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [writing]))])
    os.close(writing)
    return reading


async def at_its_end(reading: int) -> None:
    """Return once nobody has the writing end any more."""
    assert await asyncio.to_thread(os.read, reading, 1) == b""
    os.close(reading)


async def test_each_message_is_seen_and_thrown_away_once() -> None:
    receiver, sender = pair()
    with receiver, sender:
        sender.send(b"plain")
        reading = send_descriptor(sender, b"bears one")
        sender.send(b"x" * 100)
        seen = peek(receiver, 50)
        assert (seen.data, seen.whole, seen.bears, seen.pid) == (b"plain", True, False, os.getpid())
        discard(receiver)
        bearing = peek(receiver, 50)
        assert (bearing.data, bearing.bears) == (b"bears one", True)
        discarding = Discarding()
        discarding.begin(receiver)
        assert await discarding.done(20)
        await at_its_end(reading)
        long = peek(receiver, 50)
        assert (len(long.data), long.whole) == (50, False)
        discard(receiver)
        with pytest.raises(BlockingIOError):
            peek(receiver, 50)
        for one in (seen, bearing, long):
            if one.pidfd is not None:
                one.pidfd.close()


async def test_a_retired_socket_keeps_nothing_whoever_else_has_it() -> None:
    receiver, sender = pair()
    with sender, receiver.dup() as other:
        readings = [send_descriptor(sender, b"%d" % number) for number in range(3)]
        retire(receiver)
        for reading in readings:
            await at_its_end(reading)
        with pytest.raises(OSError, match=r"Broken pipe|Connection"):
            sender.send(b"more")
        assert other.fileno() >= 0


async def test_where_no_descriptor_is_left_it_is_tried_again() -> None:
    receiver, sender = pair()
    discarding = Discarding()
    with receiver, sender:
        reading = send_descriptor(sender, b"bears one")
        with no_descriptors(), pytest.raises(OSError, match="Too many open files"):
            discarding.begin(receiver)
        assert not discarding.busy
        discarding.begin(receiver)
        assert await discarding.done(20)
        await at_its_end(reading)


async def test_where_no_thread_is_to_be_had_it_is_done_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    def start(_thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    receiver, sender = pair()
    with sender:
        reading, waiting = send_descriptor(sender, b"a"), send_descriptor(sender, b"b")
        with monkeypatch.context() as patched:
            patched.setattr(threading.Thread, "start", start)
            discarding = Discarding()
            discarding.begin(receiver)
            retire(receiver)
        assert await discarding.done(20)
        for one in (reading, waiting):
            await at_its_end(one)
