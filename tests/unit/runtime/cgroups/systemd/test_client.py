"""A connection to a service manager that does not do as it should: each time a precise error, in time."""

import socket
import time
from pathlib import Path

import pytest

from containerd_py.errors import DeadlineExceeded, NotSupported, Unavailable
from containerd_py.runtime.cgroups.systemd import steps
from containerd_py.runtime.cgroups.systemd.bus import Address, connect, system_addresses, user_addresses
from containerd_py.runtime.cgroups.systemd.client import Client
from tests.unit.runtime.cgroups.systemd.private import UNIT, manager, served, silent


def test_nobody_there(tmp_path: Path) -> None:
    with Client((Address(str(tmp_path / "none"), bus=False),)) as client, pytest.raises(Unavailable, match="No such file"):
        client.perform(steps.stop("x.scope"), "stop")


def test_nobody_who_listens_is_tried_until_the_deadline(tmp_path: Path) -> None:
    path = str(tmp_path / "dead")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        with pytest.raises(Unavailable, match="Connection refused"):
            connect((Address(path, bus=False),), time.monotonic() + 0.1)


def test_a_reply_that_never_comes(tmp_path: Path) -> None:
    with (
        served(tmp_path, silent) as address,
        Client((address,), timeout_s=0.2) as client,
        pytest.raises(DeadlineExceeded, match=r"did not answer in 0\.2 s"),
    ):
        client.perform(steps.stop("x.scope"), "stop")


def test_a_version_that_is_too_old(tmp_path: Path) -> None:
    with (
        served(tmp_path, manager(version="251.4")) as address,
        Client((address,)) as client,
        pytest.raises(NotSupported, match="systemd 251 is older than 252"),
    ):
        client.perform(steps.stop("x.scope"), "stop")


def test_who_refuses_the_authentication(tmp_path: Path) -> None:
    def refusing(connection: socket.socket) -> None:
        connection.recv(4096)
        connection.sendall(b"REJECTED EXTERNAL\r\nERROR\r\n")

    with served(tmp_path, refusing) as address, pytest.raises(Unavailable, match="REJECTED"):
        connect((address,), time.monotonic())


def test_a_connection_that_is_closed_is_made_again(tmp_path: Path) -> None:
    with (
        served(tmp_path, manager(until="Subscribe"), manager(until="StopUnit")) as address,
        Client((address,)) as client,
    ):
        assert client.manager.version == 252


def test_a_change_on_a_lost_connection_may_be_tried_again(tmp_path: Path) -> None:
    with (
        served(tmp_path, manager(until="SetUnitProperties")) as address,
        Client((address,)) as client,
        pytest.raises(Unavailable, match="systemd is gone"),
    ):
        client.change("x.scope", [])


def test_a_start_on_a_lost_connection_is_looked_for_and_asked_again(tmp_path: Path) -> None:
    """It never came back: the deadline tells."""
    rounds = [manager(until="StartTransientUnit"), manager(until="GetUnit")]
    with (
        served(tmp_path, *rounds) as address,
        Client((address,), timeout_s=0.5) as client,
        pytest.raises(Unavailable),
    ):
        client.start("x.scope", [], 1, 0).wait()


def test_a_start_that_was_done_on_a_lost_connection_is_found(tmp_path: Path) -> None:
    there = manager(answers={"GetUnit": ("o", (UNIT,)), "ActiveState": ("v", (("s", "active"),))})
    with served(tmp_path, manager(until="StartTransientUnit"), there) as address, Client((address,)) as client:
        client.start("x.scope", [], 1, 0).wait()


def test_a_start_that_was_never_seen_is_asked_for_again(tmp_path: Path) -> None:
    absent = manager(answers={"GetUnit": ("error", ("org.freedesktop.systemd1.NoSuchUnit", "s", ("none",)))})
    with served(tmp_path, manager(until="StartTransientUnit"), absent) as address, Client((address,)) as client:
        client.start("x.scope", [], 1, 0).wait()


def test_where_the_managers_are() -> None:
    assert system_addresses({}) == (
        Address("/run/systemd/private", bus=False),
        Address("/run/dbus/system_bus_socket", bus=True),
    )
    assert system_addresses({"DBUS_SYSTEM_BUS_ADDRESS": "unix:path=/b"})[1:] == (Address("/b", bus=True),)
    assert user_addresses({"XDG_RUNTIME_DIR": "/r"}) == (
        Address("/r/systemd/private", bus=False),
        Address("/r/bus", bus=True),
    )
    assert user_addresses({"DBUS_SESSION_BUS_ADDRESS": "unix:abstract=x"}) == (Address("\0x", bus=True),)
    with pytest.raises(NotSupported, match="XDG_RUNTIME_DIR"):
        user_addresses({})
    with pytest.raises(NotSupported):
        user_addresses({"DBUS_SESSION_BUS_ADDRESS": "tcp:host=x"})
