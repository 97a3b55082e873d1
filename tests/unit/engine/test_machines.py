"""When machined is told of containers; what it is asked is tested with `runtime.cgroups.systemd.machines`."""

import socket
from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
import pytest_asyncio
import structlog.testing
from jeepney import HeaderFields, new_error, new_method_return

from containerd_py.engine.machines import Machines
from containerd_py.engine.tasks import Tasks
from containerd_py.engine.views import Status
from tests.unit.runtime.cgroups.systemd.private import Serve, authenticated, calls, served

_NONE = "org.freedesktop.machine1.NoMachineForPID"


class Host:
    """As much of a daemon as there has to be."""

    def __init__(self, tasks: Tasks, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", f"unix:path={folder}/private")
        self.lifecycle = SimpleNamespace(on_start=[], before_end=[])
        self.parts = SimpleNamespace(
            tasks=tasks, registry=[], drivers=SimpleNamespace(current=SimpleNamespace(name="systemd"))
        )

    def machines(self, *, wanted: bool = True) -> Machines:
        return Machines(cast("Any", self.parts), cast("Any", self.lifecycle), wanted=wanted)

    def start(self, container: Any) -> None:
        for told in self.lifecycle.on_start:
            told(container)

    async def end(self, container: Any) -> None:
        for told in self.lifecycle.before_end:
            await told(container)


def container(*, scope: str = "x.scope") -> Any:
    return SimpleNamespace(
        id="web",
        name="web",
        status=Status.RUNNING,
        alive=True,
        cgroup=SimpleNamespace(scope=scope),
        record=SimpleNamespace(pid=7),
        config={"root": {"path": "/srv"}},
    )


def bus(asked: list[str]) -> Serve:
    """Serve one connection of a bus on which machined is, with the machine "web" of process 7 once it is registered."""

    def serve(connection: socket.socket) -> None:
        authenticated(connection)
        for serial, call in enumerate(calls(connection), 1):
            member = call.header.fields[HeaderFields.member]
            asked.append(member)
            found = {"Leader": ("v", (("u", 7),)), "GetMachine": ("o", ("/web",)), "Version": ("v", (("s", "252"),))}
            key = call.body[-1] if member == "Get" else member
            signature, body = found.get(key, ("v", (("s", ""),)) if member == "Get" else (None, ()))
            reply = new_error(call, _NONE) if member == "GetMachineByPID" else new_method_return(call, signature, body)
            connection.sendall(reply.serialise(serial))

    return serve


@pytest_asyncio.fixture
async def tasks() -> AsyncIterator[Tasks]:
    owned = Tasks()
    yield owned
    await owned.close(deadline_s=5)


@pytest.fixture
def host(tasks: Tasks, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Host:
    return Host(tasks, tmp_path, monkeypatch)


async def test_an_end_waits_until_machined_is_done_with_the_unit(host: Host, tmp_path: Path) -> None:
    """Also where the start is not told yet."""
    asked: list[str] = []
    host.machines()
    with served(tmp_path, bus(asked), bus(asked)):
        one = container()
        host.start(one)
        await host.end(one)
    assert [one for one in asked if "Machine" in one] == [
        "GetMachineByPID",
        "RegisterMachine",
        "GetMachine",
        "UnregisterMachine",
    ]


async def test_who_runs_already_is_registered_at_the_daemon_s_start(host: Host, tmp_path: Path) -> None:
    asked: list[str] = []
    host.parts.registry.append(container())
    with served(tmp_path, bus(asked)):
        host.machines().begin()
        await host.parts.tasks.close(deadline_s=5)
    assert "RegisterMachine" in asked


async def test_only_scopes_are_machines(host: Host) -> None:
    """There is no bus here."""
    host.machines()
    one = container(scope="")
    host.start(one)
    await host.end(one)


async def test_without_a_wish_nobody_is_asked(host: Host) -> None:
    host.machines(wanted=False).begin()
    assert (host.lifecycle.on_start, host.lifecycle.before_end) == ([], [])


async def test_no_bus_is_told_and_costs_nothing(host: Host) -> None:
    host.machines()
    one = container()
    with structlog.testing.capture_logs() as told:
        host.start(one)
        await host.end(one)
    (line,) = told
    assert (line["log_level"], line["container"]) == ("warning", "web")
    assert "No such file" in line["error"]
