"""The daemon's connection to systemd: deadlines, losses, and what is told on it."""

import asyncio
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from containerd_py.engine.systemd_bus import SystemdBus
from containerd_py.engine.tasks import Tasks
from containerd_py.errors import Conflict, DeadlineExceeded, NotSupported, Unavailable
from containerd_py.runtime.cgroups.systemd import steps
from containerd_py.runtime.cgroups.systemd.bus import Address
from containerd_py.runtime.cgroups.systemd.conversation import ConnectionLost, Greeted, JobBegun
from tests.unit.runtime.cgroups.systemd.private import UNIT, manager, served, silent

_ACTIVE = {
    "GetUnit": ("o", (UNIT,)),
    "ActiveState": ("v", (("s", "active"),)),
    "GetUnitProcesses": ("a(sus)", ([("/x", 1, "sleep")],)),
}


@pytest_asyncio.fixture
async def tasks() -> AsyncIterator[Tasks]:
    owned = Tasks()
    yield owned
    await owned.close(deadline_s=5)


async def test_a_scope_is_started_and_its_job_is_told(tmp_path: Path, tasks: Tasks) -> None:
    begun: list[JobBegun] = []
    with served(tmp_path, manager(answers={"ControlGroup": ("v", (("s", "/init"),))})) as address:
        systemd = SystemdBus((address,), tasks, on_job=begun.append)
        assert await systemd.connect() == Greeted(252, "/init")
        await systemd.start_scope("x.scope", [], 1, 0)
        systemd.close()
    assert begun == [JobBegun(7, "x.scope")]


async def test_many_at_once_get_each_their_own_answer(tmp_path: Path, tasks: Tasks) -> None:
    with served(tmp_path, manager(answers=_ACTIVE)) as address:
        systemd = SystemdBus((address,), tasks)
        looks = [systemd.perform(steps.look_after(f"{number}.scope", 1), "look") for number in range(20)]
        assert await asyncio.gather(*looks) == [True] * 20
        systemd.close()


async def test_a_job_that_fails(tmp_path: Path, tasks: Tasks) -> None:
    with served(tmp_path, manager(result="canceled")) as address:
        systemd = SystemdBus((address,), tasks)
        with pytest.raises(Conflict, match="cancelled"):
            await systemd.start_scope("x.scope", [], 1, 0)
        systemd.close()


async def test_a_reply_that_never_comes(tmp_path: Path, tasks: Tasks) -> None:
    with served(tmp_path, silent) as address:
        systemd = SystemdBus((address,), tasks, timeout_s=0.2)
        with pytest.raises(DeadlineExceeded, match="did not answer"):
            await systemd.connect()
        systemd.close()


async def test_nobody_there(tmp_path: Path, tasks: Tasks) -> None:
    systemd = SystemdBus((Address(str(tmp_path / "none"), bus=False),), tasks)
    with pytest.raises(Unavailable, match="No such file"):
        await systemd.connect()
    systemd.close()


async def test_a_version_that_is_too_old(tmp_path: Path, tasks: Tasks) -> None:
    with served(tmp_path, manager(version="249")) as address:
        systemd = SystemdBus((address,), tasks)
        with pytest.raises(NotSupported, match="older than 252"):
            await systemd.connect()
        systemd.close()


async def test_a_lost_connection_is_made_again_by_itself(tmp_path: Path, tasks: Tasks) -> None:
    with served(tmp_path, manager(until="GetUnit"), manager(answers=_ACTIVE)) as address:
        systemd = SystemdBus((address,), tasks)
        with pytest.raises(ConnectionLost):
            await systemd.perform(steps.look_after("x.scope", 1), "look")
        assert await systemd.perform(steps.look_after("x.scope", 1), "look") is True
        systemd.close()


async def test_what_can_be_done_twice_is_asked_again(tmp_path: Path, tasks: Tasks) -> None:
    with served(tmp_path, manager(until="GetUnit"), manager(answers=_ACTIVE)) as address:
        systemd = SystemdBus((address,), tasks)
        assert await systemd.repeat(lambda: steps.look_after("x.scope", 1), "look") is True
        systemd.close()


async def test_a_start_on_a_lost_connection_is_looked_for(tmp_path: Path, tasks: Tasks) -> None:
    with served(
        tmp_path, manager(until="StartTransientUnit"), manager(answers=_ACTIVE, until="StartTransientUnit")
    ) as address:
        systemd = SystemdBus((address,), tasks)
        await systemd.start_scope("x.scope", [], 1, 0)
        systemd.close()


async def test_a_start_that_nobody_has_seen_is_asked_for_again(tmp_path: Path, tasks: Tasks) -> None:
    absent = manager(answers={"GetUnit": ("error", ("org.freedesktop.systemd1.NoSuchUnit", "s", ("none",)))})
    with served(tmp_path, manager(until="StartTransientUnit"), absent) as address:
        systemd = SystemdBus((address,), tasks)
        await systemd.start_scope("x.scope", [], 1, 0)
        systemd.close()


async def test_who_gives_up_waiting_leaves_the_connection_whole(tmp_path: Path, tasks: Tasks) -> None:
    with served(tmp_path, manager(answers=_ACTIVE)) as address:
        systemd = SystemdBus((address,), tasks)
        await systemd.connect()
        given_up = asyncio.ensure_future(systemd.perform(steps.look_after("x.scope", 1), "look"))
        await asyncio.sleep(0)
        given_up.cancel()
        with pytest.raises(asyncio.CancelledError):
            await given_up
        assert await systemd.perform(steps.look_after("y.scope", 1), "look") is True
        systemd.close()


async def test_a_bus_that_does_not_answer_takes_no_thread_from_others(tmp_path: Path, tasks: Tasks) -> None:
    """Each container that is registered with machined has a connection of its own; and there are few threads for all."""
    path = str(tmp_path / "mute")
    with socket.socket(socket.AF_UNIX) as mute:
        mute.bind(path)
        mute.listen(100)
        buses = [SystemdBus((Address(path, bus=True),), tasks, timeout_s=5.0) for _ in range(40)]
        connecting = [asyncio.ensure_future(bus.connect()) for bus in buses]
        await asyncio.sleep(0)  # each has begun then
        assert not await asyncio.to_thread(lambda: any(one.done() for one in connecting))
        problems = await asyncio.gather(*connecting, return_exceptions=True)
    assert {type(one) for one in problems} == {Unavailable}
