"""The service as it is installed: what systemd does with it, and what it does with containers then."""

import os
import signal
from pathlib import Path

from containerd_py import __version__
from containerd_py.client.sync import SyncClient
from tests.systemd.manager import (
    SERVICE,
    eventually,
    main_pid,
    output,
    removed,
    shown,
    spawner_pid,
    started,
    status,
    systemctl,
)

_COUNT = "trap 'done=1' USR1; i=0; while [ -z \"$done\" ]; do i=$((i+1)); echo $i; sleep 0.05; done; exit 42"


def ends_whole(container: str) -> None:
    """It has counted all the time, and ends when it is told to; nothing of its output is lost, nor its exit code."""
    before = len(output(container).splitlines())
    eventually(lambda: len(output(container).splitlines()) > before, "it goes on")
    with SyncClient() as client:
        client.kill(container, "USR1")
        assert client.wait(container).exit_code == 42
    lines = output(container).splitlines()
    assert lines == [b"%d" % number for number in range(1, len(lines) + 1)]
    removed(container)


def test_it_is_active_and_tells_its_version() -> None:
    assert (shown("ActiveState"), shown("SubState")) == ("active", "running")
    assert __version__ in shown("StatusText")
    assert shown("ActiveState", "pycontainerd-shutdown.service") == "active"
    with SyncClient() as client:
        assert client.info().daemon_pid == main_pid()


def test_a_restart_leaves_containers_alone(root: Path) -> None:
    container = started(root, _COUNT)
    before = (main_pid(), spawner_pid())
    systemctl("restart", SERVICE)
    assert main_pid() != before[0]
    assert spawner_pid() == before[1]
    ends_whole(container)


def test_a_stop_leaves_containers_alone_and_the_socket_starts_it_again(root: Path) -> None:
    container = started(root, _COUNT)
    systemctl("stop", SERVICE)
    assert shown("ActiveState") == "inactive"
    assert shown("ActiveState", "pycontainerd-shutdown.service") == "active"
    assert status(container) == "running"  # who asks starts it
    assert shown("ActiveState") == "active"
    ends_whole(container)


def test_a_daemon_that_is_killed_comes_back(root: Path) -> None:
    container = started(root, _COUNT)
    before, restarts = main_pid(), int(shown("NRestarts"))
    os.kill(before, signal.SIGKILL)
    eventually(lambda: shown("ActiveState") == "active" and main_pid() not in (0, before), "the service is back")
    assert int(shown("NRestarts")) == restarts + 1
    ends_whole(container)


def test_reloads_of_the_manager_under_load_harm_nothing(root: Path) -> None:
    containers = [started(root, _COUNT) for _ in range(3)]
    daemon = main_pid()
    for verb in ("daemon-reload", "daemon-reexec", "daemon-reload"):
        systemctl(verb)
        containers.append(started(root, _COUNT))
    assert main_pid() == daemon
    for container in containers:
        ends_whole(container)


def test_a_change_of_the_units_leaves_the_devices_of_containers_alone(root: Path) -> None:
    """systemd writes the device rules of what it knows anew at each reload; it does not know containers."""
    container = started(root, "while :; do echo x >/dev/null || exit 3; sleep 0.05; done")
    for _ in range(3):
        systemctl("daemon-reload")
    assert status(container) == "running"
    removed(container)
