"""What it means that no worker could be forked, or that one does not end."""

import errno
import os
from collections.abc import Iterator
from socket import socket

import pytest

from containerd_py.errors import ContainerdError, DeadlineExceeded, Forbidden, InvalidArgument, Unavailable
from containerd_py.runtime import launcher, prepared, process
from containerd_py.runtime.launcher import Forking, Worker, open_dialogue, refusal
from containerd_py.runtime.linux.fd import Fd
from containerd_py.runtime.opened import Opened
from containerd_py.runtime.plan import operations as op
from containerd_py.runtime.plan.plan import Plan

PLAN = Plan((), (op.AwaitStart(), op.Exec(("/bin/true",), ())))


@pytest.mark.parametrize(
    ("number", "kind", "hint"),
    [
        (errno.EAGAIN, Unavailable, "out of processes or memory"),
        (errno.ENOMEM, Unavailable, "out of processes or memory"),
        (errno.ERANGE, InvalidArgument, ""),
        (errno.EACCES, Forbidden, "systemd-run --user --scope"),
        (None, Unavailable, ""),
    ],
)
def test_a_refusal_says_what_to_do(number: int | None, kind: type[ContainerdError], hint: str) -> None:
    problem = refusal(number, "the kernel's word")
    assert type(problem) is kind
    assert "the kernel's word" in problem.message
    assert hint in (problem.hint or "")


class _Stuck(Worker):
    """One in the kernel, which takes no notice of signals."""

    def signal(self, number: int) -> None:
        """Nothing comes of it."""


class _Asked(Forking):
    """One whose launcher has told already. told: the worker, or what is raised."""

    def __init__(self, control: socket, told: Worker | Exception) -> None:
        self.control = control
        self._told = told
        self._ended = False

    def worker(self) -> Worker:
        self._ended = True
        if isinstance(self._told, Exception):
            raise self._told
        return self._told


@pytest.fixture
def dialogue() -> Iterator[tuple[socket, socket]]:
    ours, theirs = open_dialogue()
    theirs.settimeout(0)
    with ours, theirs:
        yield ours, theirs


@pytest.fixture
def stuck(dialogue: tuple[socket, socket], monkeypatch: pytest.MonkeyPatch) -> Iterator[_Stuck]:
    monkeypatch.setattr(launcher, "_KILL_S", 0.05)
    read, write = map(Fd, os.pipe())
    with read, write:
        yield _Stuck(1, read, dialogue[0])


def test_the_end_of_a_process_that_stays_is_not_waited_for(stuck: _Stuck) -> None:
    with pytest.raises(DeadlineExceeded, match="ago and stays"):
        stuck.end()


def test_a_worker_that_stays_is_told_by_whoever_gives_it_up(stuck: _Stuck, dialogue: tuple[socket, socket]) -> None:
    forking = _Asked(dialogue[0], stuck)
    with pytest.raises(DeadlineExceeded, match="ago and stays"):
        forking.give_up()
    assert dialogue[1].recv(1) == b""
    with pytest.raises(ValueError, match="closed"):
        stuck.pidfd.fileno()


@pytest.mark.parametrize("problem", [Unavailable("cannot fork worker"), OSError(errno.EMFILE, "too many"), ValueError("?")])
def test_a_worker_that_nothing_is_heard_of_is_let_go(problem: Exception, dialogue: tuple[socket, socket]) -> None:
    """It ends by the end of its dialogue."""
    _Asked(dialogue[0], problem).give_up()
    assert dialogue[1].recv(1) == b""


def test_a_worker_that_stays_does_not_hide_why_it_was_given_up(
    stuck: _Stuck, dialogue: tuple[socket, socket], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process, "begin", lambda _request: _Asked(dialogue[0], stuck))
    with Opened(PLAN) as opened, pytest.raises(OSError, match="the first"):
        process.launch(_failing(PLAN), {}, cgroup=None, opened=opened)
    dialogue[1].recv(1)
    assert dialogue[1].recv(1) == b""


def test_a_worker_that_somebody_else_has_begun_is_theirs_to_give_up(stuck: _Stuck, dialogue: tuple[socket, socket]) -> None:
    """By that a creation learns that it stays, and keeps its record."""
    begun = _Asked(dialogue[0], stuck)
    with Opened(PLAN) as opened, pytest.raises(OSError, match="the first"):
        process.launch(_failing(PLAN), {}, cgroup=None, opened=opened, begun=begun)
    with pytest.raises(DeadlineExceeded, match="ago and stays"):
        begun.give_up()


def _failing(plan: Plan) -> Plan:
    """Have what is done in the launcher's time fail."""

    def fail() -> None:
        raise OSError("the first")

    prepared.meanwhile(fail)
    return plan
