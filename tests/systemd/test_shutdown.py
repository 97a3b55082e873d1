"""The unit that only a shutdown stops; its stop stands for one here. A whole one: tests/integration/systemd."""

from pathlib import Path

import pytest

from containerd_py.client.sync import SyncClient
from containerd_py.errors import Unavailable
from containerd_py.wire import ContainerSpec
from tests.systemd.manager import SERVICE, eventually, output, removed, shown, started, status, systemctl

_SHUTDOWN = "pycontainerd-shutdown.service"
_NAMED = "trap 'echo {0}; exit {1}' {0}; echo up; while :; do sleep 0.05; done"


def up(container: str) -> None:
    eventually(lambda: output(container).startswith(b"up"), "the payload is up")


def stop_all() -> None:
    """As a shutdown of the host does: it says stop to this unit while the service still runs."""
    systemctl("stop", _SHUTDOWN)
    assert shown("Result", _SHUTDOWN) == "success"


def test_each_by_its_own_signal_and_the_newest_first(root: Path) -> None:
    containers = [
        started(root, _NAMED.format("TERM", 3)),
        started(root, _NAMED.format("INT", 4), stop_signal="SIGINT"),
        started(root, "trap '' TERM; echo up; while :; do sleep 0.05; done", stop_timeout_s=0.2),
    ]
    for container in containers:
        up(container)
    stop_all()
    assert shown("ActiveState") == "active"
    with SyncClient() as client:
        found = [client.container(container) for container in containers]
        ended = [one.exit for one in found]
        assert [one and one.exit_code for one in ended] == [3, 4, 137]
        assert [one.status for one in found] == ["stopped"] * 3
        assert sorted((one.finished_at for one in ended if one), reverse=True) == [one.finished_at for one in ended if one]
    for container in containers:
        removed(container)
    systemctl("restart", SERVICE)


def test_nothing_is_started_any_more_until_the_next_daemon(root: Path) -> None:
    always = started(root, _NAMED.format("TERM", 0), restart="always")
    stopped = started(root, _NAMED.format("TERM", 0), restart="unless-stopped")
    up(always)
    with SyncClient() as client:
        client.stop(stopped)
        stop_all()
        assert status(always) == "stopped"
        with pytest.raises(Unavailable, match="all containers are being stopped"):
            client.start(stopped)
        with pytest.raises(Unavailable, match="all containers are being stopped"):
            client.create(ContainerSpec(rootfs=str(root), args=("/bin/true",)))
    systemctl("restart", SERVICE)
    assert shown("ActiveState", _SHUTDOWN) == "active"
    eventually(lambda: status(always) == "running", "its policy starts it")
    assert status(stopped) == "stopped"
    removed(always)
    removed(stopped)


def test_without_a_daemon(root: Path) -> None:
    """The service was stopped before the host shuts down: its containers are stopped in order all the same."""
    container = started(root, _NAMED.format("TERM", 3), restart="always")
    up(container)
    systemctl("stop", "pycontainerd.socket", SERVICE)
    stop_all()
    systemctl("start", "pycontainerd.socket", SERVICE)
    with SyncClient() as client:
        assert b"TERM\n" in output(container)
        eventually(lambda: status(container) == "running", "its policy starts it")
        before = client.container(container).previous_exit
    assert before is not None
    assert before.exit_code == 3
    removed(container)


def test_a_socket_elsewhere_is_found(root: Path) -> None:
    """An administrator has let a group in: the daemon's settings do not know where systemd listens."""
    drop_in = Path("/run/systemd/system/pycontainerd.socket.d/group.conf")
    drop_in.parent.mkdir(exist_ok=True)
    drop_in.write_text(
        "[Socket]\nListenStream=\nListenStream=/run/elsewhere.sock\nSocketMode=0660\nSocketGroup=pycontainerd\n"
    )
    container = started(root, _NAMED.format("TERM", 3))
    up(container)
    systemctl("stop", SERVICE)
    systemctl("daemon-reload")
    systemctl("restart", "pycontainerd.socket")
    systemctl("start", SERVICE)
    assert Path("/run/elsewhere.sock").group() == "pycontainerd"
    stop_all()
    drop_in.unlink()
    systemctl("stop", SERVICE)
    systemctl("daemon-reload")
    systemctl("restart", "pycontainerd.socket")
    systemctl("start", SERVICE)
    with SyncClient() as client:
        ended = client.wait(container)
    assert ended.exit_code == 3
    removed(container)
