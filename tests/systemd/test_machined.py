"""Containers that `machinectl` shows, where the settings ask for it; none fails for machined."""

import functools
import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from containerd_py.client.sync import SyncClient
from tests.systemd.manager import (
    SERVICE,
    eventually,
    journal,
    main_pid,
    output,
    removed,
    run,
    shown,
    started,
    status,
    systemctl,
    with_settings,
)

_IDLE = "trap 'exit 0' TERM; while :; do sleep 0.1; done"
_POLITE = "trap 'exit 0' TERM; echo up; while :; do sleep 0.1; done"
_MACHINED = ("systemd-machined.service", "dbus-org.freedesktop.machine1.service")


@pytest.fixture(autouse=True)
def wanted() -> Iterator[None]:
    with with_settings("Environment=PYCONTAINERD_MACHINED=true"):
        yield


def machines() -> list[str]:
    return [one["machine"] for one in json.loads(run("machinectl", "--output=json", "list") or "[]")]


def of(machine: str) -> dict[str, str]:
    return dict(line.split("=", 1) for line in run("machinectl", "show", machine).splitlines())


def is_led_by(machine: str, leader: str) -> bool:
    return machine in machines() and of(machine)["Leader"] == leader


def was_restarted(container: str, times: int) -> bool:
    with SyncClient() as client:
        return client.container(container).restart_count == times


def pid(container: str) -> int:
    with SyncClient() as client:
        found = client.container(container).pid
    assert found is not None
    return found


def test_a_container_is_a_machine_from_start_to_end(root: Path) -> None:
    container = started(root, _IDLE, name="box")
    eventually(lambda: "box" in machines(), "machinectl lists it")
    told = of("box")
    assert (told["Service"], told["Class"], told["Unit"]) == (
        "pycontainerd",
        "container",
        f"pycontainerd-{container}.scope",
    )
    assert (told["Id"], told["RootDirectory"], told["Leader"]) == (container, str(root), str(pid(container)))
    with SyncClient() as client:
        client.stop(container)
    assert "box" not in machines()
    removed(container)


def test_it_stays_over_a_restart_of_the_daemon_and_a_new_name(root: Path) -> None:
    """A second machine for the same scope would have machined stop it."""
    container = started(root, _IDLE, name="first")
    eventually(lambda: "first" in machines(), "machinectl lists it")
    run("/usr/bin/pyctr", "rename", "first", "second")
    systemctl("restart", SERVICE)
    eventually(lambda: status(container) == "running", "it runs on")
    assert machines() == ["first"]
    with SyncClient() as client:
        client.stop(container)
    eventually(lambda: not machines(), "it is gone")
    removed(container)


def test_runs_in_the_same_scope_are_machines_each_and_nobody_stops_them(root: Path) -> None:
    container = started(root, _IDLE, name="again")
    with SyncClient() as client:
        for _ in range(8):
            client.restart(container)
            leader = str(pid(container))
            eventually(functools.partial(is_led_by, "again", leader), "it is shown")
            assert status(container) == "running"
    removed(container)


def test_an_end_of_its_own_is_no_stop_by_systemd(root: Path) -> None:
    """machined has the unit of a machine stopped that has ended; a policy holds all the same."""
    for _ in range(5):
        container = started(root, "sleep 0.3; exit 3", restart="on-failure:2")
        with SyncClient() as client:
            eventually(functools.partial(was_restarted, container, 2), "the policy holds")
            ended = client.wait(container)
            assert (ended.exit_code, ended.stopped_by) == (3, None)
        removed(container)


def test_a_name_that_is_no_host_s_or_is_taken(root: Path) -> None:
    odd, plain = started(root, _IDLE, name="under_score"), started(root, _IDLE, name="taken")
    eventually(lambda: set(machines()) == {odd, "taken"}, "the id is the name")
    run("/usr/bin/pyctr", "rename", "taken", "free")
    other = started(root, _IDLE, name="taken")
    eventually(lambda: set(machines()) == {odd, "taken", other}, "the id is the name")
    assert journal(f"CONTAINER_ID={other}", "PYCONTAINERD_MACHINE=" + other)
    for container in (odd, plain, other):
        removed(container)
    assert machines() == []


def test_a_machine_that_is_terminated_is_stopped_by_systemd(root: Path) -> None:
    container = started(root, _POLITE, name="box", restart="always")
    eventually(lambda: "box" in machines() and output(container), "machinectl lists it, and it has its trap")
    run("machinectl", "terminate", "box")
    with SyncClient() as client:
        ended = client.wait(container)
        assert (ended.exit_code, ended.stopped_by, client.container(container).restart_count) == (0, "systemd", 0)
    removed(container)


def test_machined_that_is_not_there_costs_no_container(root: Path) -> None:
    systemctl("stop", _MACHINED[0])
    systemctl("mask", "--runtime", *_MACHINED)
    try:
        container = started(root, _IDLE)
        told = eventually(lambda: journal(f"CONTAINER_ID={container}", "PRIORITY=4"), "the reason is told")
        assert "masked" in told[0]["MESSAGE"], told[0]["MESSAGE"]
        assert status(container) == "running"
        removed(container)
    finally:
        systemctl("unmask", "--runtime", *_MACHINED)


def test_machined_that_hangs_costs_no_container(root: Path) -> None:
    """The end waits a second for it, and once."""
    systemctl("start", _MACHINED[0])
    systemctl("kill", "--signal=STOP", _MACHINED[0])
    try:
        container = started(root, _POLITE)
        eventually(lambda: output(container), "it has its trap")
        begun = time.monotonic()
        with SyncClient() as client:
            assert client.stop(container).exit_code == 0
        assert time.monotonic() - begun < 8  # two answers of the bus would be waited for 10 s
        removed(container)
    finally:
        systemctl("kill", "--signal=CONT", _MACHINED[0])


def test_without_the_setting_nobody_asks_machined(root: Path) -> None:
    with with_settings("Environment=PYCONTAINERD_MACHINED=false"):
        systemctl("stop", _MACHINED[0])
        container = started(root, _IDLE)
        with SyncClient() as client:
            client.stop(container)
        removed(container)
        assert shown("ActiveState", _MACHINED[0]) == "inactive"
        assert main_pid()
