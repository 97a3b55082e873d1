"""Going on with a worker that an earlier daemon may have told to start."""

import os
import socket
import threading
from collections.abc import Callable
from typing import Any, cast

import pytest

from containerd_py.engine import worker
from containerd_py.engine.attended import Attended
from containerd_py.engine.output import OutputLog
from containerd_py.errors import DeadlineExceeded, InvalidArgument
from containerd_py.runtime.init import dialogue
from containerd_py.runtime.plan import operations as op
from containerd_py.runtime.plan.plan import Plan

PLAN = Plan(namespaces=(), operations=(op.AwaitStart(), op.Exec(("sh",), (), 0)))


def waits_and_starts(control: socket.socket) -> None:
    assert dialogue.await_start(control)
    dialogue.send_times(control, [1])


def had_started_already(control: socket.socket) -> None:
    """START was read for the earlier daemon; the second one stays unread."""
    dialogue.send_times(control, [1])
    control.recv(1, socket.MSG_PEEK)


def fails(control: socket.socket) -> None:
    assert dialogue.await_start(control)
    dialogue.send_failed(control, 1, 2, "")


def had_failed(control: socket.socket) -> None:
    """Its last word comes with a reset, for the START that it did not read."""
    dialogue.send_failed(control, 1, 2, "")
    control.recv(1, socket.MSG_PEEK)


async def resume(play: Callable[[socket.socket], None]) -> None:
    ours, theirs = dialogue_pair()

    def run() -> None:
        with theirs:
            play(theirs)

    attended = Attended(OutputLog("/nonexistent"))
    attended.control = dialogue.resumed(ours)
    playing = threading.Thread(target=run)
    playing.start()
    try:
        await worker.resume(attended, PLAN, cast("Any", None))
    finally:
        playing.join()
        attended.close()


def dialogue_pair() -> tuple[int, socket.socket]:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    theirs.settimeout(30)
    return ours.detach(), theirs


@pytest.mark.parametrize("play", [waits_and_starts, had_started_already])
async def test_it_starts(play: Callable[[socket.socket], None]) -> None:
    await resume(play)


@pytest.mark.parametrize("play", [fails, had_failed])
async def test_it_tells_why_it_could_not(play: Callable[[socket.socket], None]) -> None:
    with pytest.raises(InvalidArgument) as caught:
        await resume(play)
    assert (caught.value.step, caught.value.errno) == ("exec", "ENOENT")


async def test_it_has_become_the_program_long_ago() -> None:
    ours, theirs = dialogue_pair()
    theirs.close()
    attended = Attended(OutputLog("/nonexistent"))
    attended.control = dialogue.resumed(os.dup(ours))
    os.close(ours)
    await worker.resume(attended, PLAN, cast("Any", None))
    attended.close()


class _Silent(Attended):
    title = "container 'web'"


@pytest.mark.parametrize("hear", [worker.ready, worker.start])
async def test_one_that_says_nothing_is_not_waited_for(monkeypatch: pytest.MonkeyPatch, hear: Any) -> None:
    monkeypatch.setattr(worker, "_DEADLINE_S", 0.05)
    ours, theirs = dialogue_pair()
    attended = _Silent(OutputLog("/nonexistent"))
    attended.control = dialogue.resumed(ours)
    with theirs, pytest.raises(DeadlineExceeded, match="did not answer"):
        await hear(attended, PLAN, cast("Any", None))
    attended.close()
