"""Children that whoever traces them keeps from being reaped, and lets go of at any moment."""

import contextlib
import os
import socket
from collections.abc import Iterator

import pytest

from containerd_py.runtime import launcher
from containerd_py.runtime.linux.fd import Fd
from containerd_py.runtime.linux.pidfd import WaitStatus
from containerd_py.runtime.spawner import keeper
from containerd_py.runtime.spawner.children import Child
from containerd_py.runtime.spawner.keeper import Keeper

_ENDED = WaitStatus(7, None)


@pytest.fixture
def pidfd() -> Iterator[Fd]:
    with Fd(os.pidfd_open(os.getpid())) as opened:
        yield opened


def answers(monkeypatch: pytest.MonkeyPatch, module: object, witnessed: list[WaitStatus | None], held: list[bool]) -> None:
    """Have the kernel answer so, call by call."""
    monkeypatch.setattr(module, "witness_exit", lambda _pidfd: witnessed.pop(0))
    monkeypatch.setattr(module, "is_held", lambda _pidfd: held.pop(0))


@pytest.mark.parametrize(
    ("witnessed", "held", "told"),
    [
        ([_ENDED], [], _ENDED),
        ([None, None, _ENDED], [True, True], _ENDED),
        ([None, _ENDED], [False], _ENDED),  # let go of between the two questions
        ([None, None], [False], WaitStatus(None, None)),
    ],
    ids=["not held", "held", "let go of meanwhile", "reaped by somebody else"],
)
def test_its_exit_is_known_once_it_is_let_go_of(
    monkeypatch: pytest.MonkeyPatch, pidfd: Fd, witnessed: list[WaitStatus | None], held: list[bool], told: WaitStatus
) -> None:
    answers(monkeypatch, launcher, witnessed, held)
    monkeypatch.setattr(launcher.ProcessHandle, "has_ended", lambda _self, **_given: True)
    assert launcher.ProcessHandle(os.getpid(), pidfd).reap() == told


@pytest.fixture
def spawner(pidfd: Fd) -> Iterator[tuple[Keeper, Child]]:
    listener, other = socket.socketpair()
    with listener, other:
        made = Keeper(listener, contextlib.nullcontext())
        child = Child("abc", os.getpid(), pidfd, {})
        made._watch(child)
        yield made, child
        made._poll.close()


@pytest.mark.parametrize(
    ("witnessed", "told"),
    [([None, _ENDED], {"code": 7, "signal": None}), ([None, None], {"code": None, "signal": None})],
    ids=["let go of meanwhile", "reaped by somebody else"],
)
def test_the_spawner_asks_again(
    monkeypatch: pytest.MonkeyPatch,
    spawner: tuple[Keeper, Child],
    witnessed: list[WaitStatus | None],
    told: dict[str, int | None],
) -> None:
    """Else it would be taken for one that others have reaped, and stay for ever, and its container's namespace with it."""
    answers(monkeypatch, keeper, witnessed, [False])
    made, child = spawner
    made._note_exit(child)
    assert child.exit == told
    assert made._held == []


def test_the_spawner_keeps_one_that_is_held_and_looks_again(
    monkeypatch: pytest.MonkeyPatch, spawner: tuple[Keeper, Child]
) -> None:
    answers(monkeypatch, keeper, [None, _ENDED], [True])
    made, child = spawner
    made._note_exit(child)
    assert (made._held, child.exit) == ([child], None)
    made._note_exit(child)
    assert child.exit == {"code": 7, "signal": None}
