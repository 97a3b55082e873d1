"""A reload as systemd follows it: by ExecReload=, and by Type=notify-reload, which waits until the daemon is done."""

import os
import signal
from collections.abc import Iterator

import pytest

from containerd_py.runtime.cgroups.systemd.conversation import parse_version
from tests.systemd.manager import SERVICE, eventually, journal, main_pid, run, shown, systemctl, with_settings

_VERSION = parse_version(run("systemctl", "--version").split()[1])


@pytest.fixture
def notify_reload() -> Iterator[None]:
    with with_settings("Type=notify-reload\nExecReload="):
        yield


def reloads() -> int:
    return sum("settings reloaded" in entry["MESSAGE"] for entry in journal(f"_PID={main_pid()}"))


def test_it_is_active_again_after_a_reload_that_nobody_waits_for() -> None:
    """By a signal past systemd, too: it hears that the daemon reloads, and that it is done."""
    daemon, before = main_pid(), reloads()
    for number in range(1, 4):
        os.kill(daemon, signal.SIGHUP)
        eventually(lambda wanted=before + number: reloads() == wanted, "it has reloaded")  # type: ignore[misc]
    eventually(lambda: shown("SubState") == "running", "it is active")
    assert main_pid() == daemon


@pytest.mark.skipif(_VERSION < 253, reason=f"notify-reload came with systemd 253; this is {_VERSION}")
@pytest.mark.usefixtures("notify_reload")
def test_notify_reload_waits_until_it_is_done() -> None:
    daemon = main_pid()
    for number in range(1, 4):
        systemctl("reload", SERVICE)
        assert reloads() == number
        assert (shown("ActiveState"), shown("SubState"), shown("Result")) == ("active", "running", "success")
    assert main_pid() == daemon
