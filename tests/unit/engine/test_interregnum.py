"""Ends of processes while there is no spawner to tell them."""

from __future__ import annotations

import asyncio
import os
from types import SimpleNamespace
from typing import Any

import pytest

from containerd_py.engine.interregnum import Interregnum
from containerd_py.runtime.linux.fd import Fd
from containerd_py.runtime.linux.pidfd import WaitStatus


def running(name: str, code: int) -> tuple[Any, int]:
    """Return a container whose process ends with the code once there is something to read for it: see `end`."""
    gate, held = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(held)
        os.read(gate, 1)
        os._exit(code)
    os.close(gate)
    return SimpleNamespace(id=name, alive=True, pidfd=Fd(os.pidfd_open(pid)), execs={}), held


def end(gate: int) -> None:
    os.write(gate, b"x")
    os.close(gate)


def reap(container: Any) -> None:
    os.waitid(os.P_PIDFD, container.pidfd.fileno(), os.WEXITED)


async def test_an_end_is_told_once_and_what_lives_is_left_when_it_is_over() -> None:
    told: list[tuple[str, WaitStatus]] = []
    first, gate = running("first", 3)
    second, other_gate = running("second", 4)
    interregnum = Interregnum(lambda name, status: told.append((name, status)))
    interregnum.begin([first, second])
    end(gate)
    async with asyncio.timeout(30):
        while not told:
            await asyncio.sleep(0.01)
    interregnum.end()
    end(other_gate)
    reap(second)
    await asyncio.sleep(0.05)
    assert told == [("first", WaitStatus(3, None))]
    for one in (first, second):
        one.pidfd.close()


async def test_at_the_limit_of_descriptors_it_keeps_none_from_the_next_spawner(monkeypatch: pytest.MonkeyPatch) -> None:
    first, gate = running("first", 0)
    second, other_gate = running("second", 0)
    duplicate, made = os.dup, list[int]()

    def refuse_the_second(number: int) -> int:
        if made:
            raise OSError(24, "too many open files")
        made.append(duplicate(number))
        return made[0]

    monkeypatch.setattr(os, "dup", refuse_the_second)
    interregnum = Interregnum(lambda *_: None)
    interregnum.begin([first, second])
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(made[0])
    for number in (gate, other_gate):
        end(number)
    for one in (first, second):
        reap(one)
        one.pidfd.close()
