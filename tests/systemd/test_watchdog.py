"""The watchdog beats only while the daemon's loop runs and the spawner answers."""

import os
import signal
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
    shown,
    spawner_pid,
    started,
    with_settings,
)


@pytest.fixture(autouse=True)
def impatient() -> Iterator[None]:
    """A watchdog whose patience a test has."""
    with with_settings("WatchdogSec=8s"):
        yield


def test_a_daemon_that_hangs_is_replaced(root: Path) -> None:
    container = started(root, "read a; echo $a; exit 3", stdin=True)
    hung = main_pid()
    os.kill(hung, signal.SIGSTOP)
    eventually(lambda: shown("ActiveState") == "active" and main_pid() not in (0, hung), "another one runs")
    assert journal("_PID=1", f"UNIT={SERVICE}", "--grep=Watchdog timeout")
    with SyncClient() as client:
        client.write_stdin(container, b"on\n")
        assert client.wait(container).exit_code == 3
    assert output(container) == b"on\n"
    removed(container)


def test_a_spawner_that_hangs_is_replaced_and_the_daemon_stays(root: Path) -> None:
    container = started(root, "read a; echo $a; exit 4", stdin=True)
    daemon, hung = main_pid(), spawner_pid()
    os.kill(hung, signal.SIGSTOP)
    eventually(lambda: spawner_pid() != hung, "there is another spawner")
    assert main_pid() == daemon
    assert journal(f"_PID={daemon}", "--grep=spawner does not answer")
    with SyncClient() as client:
        client.write_stdin(container, b"on\n")
        assert client.wait(container).exit_code == 4
    assert output(container) == b"on\n"
    removed(container)
    removed(started(root, "exit 0"))


def test_a_spawner_that_hangs_while_there_is_no_daemon(root: Path) -> None:
    """The next daemon is passed its pidfd: it ends it, and takes everything over."""
    container = started(root, "read a; echo $a; exit 5", stdin=True)
    eventually(lambda: int(shown("NFileDescriptorStore")) >= 5, "its pidfd and streams are stored, and the spawner's pidfd")
    daemon, hung = main_pid(), spawner_pid()
    os.kill(hung, signal.SIGSTOP)
    os.kill(daemon, signal.SIGKILL)
    eventually(lambda: shown("ActiveState") == "active" and main_pid() not in (0, daemon), "another daemon runs")
    assert spawner_pid() != hung
    with SyncClient() as client:
        client.write_stdin(container, b"on\n")
        assert client.wait(container).exit_code == 5
    removed(container)
