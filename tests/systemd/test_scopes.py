"""The daemon under systemd: its containers are scopes, and limits do what they say."""

import os
import signal
from pathlib import Path

import pytest

from containerd_py.client.sync import SyncClient
from containerd_py.errors import ContainerdError
from containerd_py.runtime.cgroups.systemd.client import Client, addresses
from containerd_py.runtime.cgroups.systemd.property import Property
from containerd_py.runtime.linux.fd import Fd
from containerd_py.runtime.linux.pidfd import pidfd_open
from containerd_py.wire import OciSpec
from tests.systemd.manager import SERVICE, eventually, output, removed, run, shown, started, status, systemctl
from tests.systemd.runtime import CGROUPS, UNIFIED, units

_IDLE = "trap 'exit 0' TERM; while :; do sleep 0.1; done"
_POLITE = "trap 'exit 0' TERM; echo up; while :; do sleep 0.1; done"


def scope(container: str) -> str:
    return f"pycontainerd-{container}.scope"


def is_gone(container: str) -> bool:
    return not units(scope(container)) and not list(CGROUPS.rglob(scope(container)))


def test_the_driver_is_systemd() -> None:
    with SyncClient() as client:
        info = client.info()
    assert info.cgroup_driver == "systemd"
    assert info.cgroup_parent.startswith("/pycontainerd.slice/pycontainerd-")


def test_a_container_is_a_scope_in_a_slice_of_the_daemon_s_own(root: Path) -> None:
    container = started(root, _IDLE, name="box", stop_signal="TERM", stop_timeout_s=7)
    with SyncClient() as client:
        parent = client.info().cgroup_parent
        pid = client.container(container).pid
    assert shown("ActiveState", scope(container)) == "active"
    assert shown("Slice", scope(container)) == os.path.basename(parent)
    assert shown("Description", scope(container)) == "container box"
    assert (shown("KillSignal", scope(container)), shown("TimeoutStopUSec", scope(container))) == ("15", "17s")
    assert f"0::{parent}/{scope(container)}" in Path(f"/proc/{pid}/cgroup").read_text().splitlines()
    removed(container)
    eventually(lambda: is_gone(container), "nothing is left of it")


def test_it_is_a_member_before_its_first_instruction(root: Path) -> None:
    """What it sees of its cgroup is the root of its namespace, in every hierarchy."""
    for _ in range(5):
        container = started(root, "cat /proc/self/cgroup")
        with SyncClient() as client:
            client.wait(container)
        told = output(container).splitlines()
        assert b"0::/" in told
        assert [line for line in told if not line.endswith(b":/")] == []
        removed(container)


def test_a_start_shows_what_the_scope_took(root: Path) -> None:
    container = started(root, _IDLE)
    with SyncClient() as client:
        steps = [one.step for one in client.timeline(container).steps]
    assert steps.index("scope") < steps.index("pivot_root")
    removed(container)


def test_it_is_started_again_in_a_scope_of_the_same_name(root: Path) -> None:
    container = started(root, _IDLE)
    with SyncClient() as client:
        for _ in range(3):
            client.restart(container)
            assert shown("ActiveState", scope(container)) == "active"
    removed(container)


def test_a_stop_by_systemd_is_told_and_not_undone(root: Path) -> None:
    container = started(root, _POLITE, restart="always")
    eventually(lambda: output(container), "it has its trap")
    systemctl("stop", scope(container))
    with SyncClient() as client:
        ended = client.wait(container)
        assert (ended.exit_code, ended.reason, ended.stopped_by) == (0, "exited", "systemd")
        assert client.container(container).restart_count == 0
        client.start(container)
        client.stop(container)
        assert client.wait(container).stopped_by is None
    removed(container)


def test_a_kill_by_systemd_is_a_kill(root: Path) -> None:
    """Nobody has asked for the end of the unit."""
    container = started(root, _IDLE)
    systemctl("kill", "--signal=KILL", scope(container))
    with SyncClient() as client:
        ended = client.wait(container)
    assert (ended.reason, ended.signal, ended.stopped_by) == ("signaled", "SIGKILL", None)
    removed(container)


def test_execs_and_pauses(root: Path) -> None:
    container = started(root, _IDLE)
    assert "0::/" in run("/usr/bin/pyctr", "exec", container, "cat", "/proc/self/cgroup").splitlines()
    with SyncClient() as client:
        client.pause(container)
        client.resume(container)
    removed(container)


def test_a_daemon_that_is_killed_finds_its_scopes_again(root: Path) -> None:
    container = started(root, _IDLE)
    systemctl("kill", "--kill-whom=main", "--signal=KILL", SERVICE)
    eventually(lambda: shown("ActiveState") == "active", "it is back")
    assert status(container) == "running"
    systemctl("stop", scope(container))
    with SyncClient() as client:
        assert client.wait(container).stopped_by == "systemd"
    removed(container)


def test_a_scope_that_no_record_knows_is_removed_at_the_next_start(root: Path) -> None:
    container = started(root, _IDLE)
    with SyncClient() as client:
        parent = client.info().cgroup_parent
    slice_name = os.path.basename(parent)
    stray = "pycontainerd-stray.scope"
    run("systemd-run", "--quiet", f"--slice={slice_name}", f"--unit={stray.removesuffix('.scope')}-feed", "sleep", "600")
    command = ["systemd-run", "--scope", f"--slice={slice_name}", f"--unit={stray}", "sleep", "600"]
    pid = os.posix_spawn("/usr/bin/systemd-run", command, os.environ)
    try:
        eventually(lambda: (UNIFIED / parent[1:] / stray).is_dir(), "it is there")
        systemctl("restart", SERVICE)
        eventually(lambda: not units(stray), "it is gone")
        assert status(container) == "running"
        assert units(f"{stray.removesuffix('.scope')}-feed.service")  # which is no scope of ours
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        systemctl("stop", f"{stray.removesuffix('.scope')}-feed.service")
    removed(container)


def test_a_scope_that_nothing_ever_was_in_is_forgotten_at_the_next_start(root: Path) -> None:
    """As of a daemon that was killed while it made one, and of a worker that had ended when systemd put it there."""
    container = started(root, _IDLE)
    with SyncClient() as client:
        slice_name = os.path.basename(client.info().cgroup_parent)
    empty = "pycontainerd-empty.scope"
    zombie = os.posix_spawn("/bin/true", ["true"], {})
    os.waitid(os.P_PID, zombie, os.WEXITED | os.WNOWAIT)
    with Fd(pidfd_open(zombie)) as pidfd, Client(addresses(user=False)) as systemd:
        systemd.start(empty, [Property("Slice", "s", slice_name, "")], zombie, pidfd.fileno()).wait()
    os.waitpid(zombie, 0)
    (directory,) = [
        path for path in CGROUPS.rglob(empty) if f"/{slice_name}/" in str(path) and path.is_relative_to(UNIFIED)
    ]
    directory.rmdir()  # so that no cgroup tells of it
    assert units(empty)
    systemctl("restart", SERVICE)
    eventually(lambda: not units(empty), "it is gone")
    assert status(container) == "running"
    removed(container)


def test_a_place_that_is_no_slice_is_refused(root: Path) -> None:
    document = {
        "ociVersion": "1.0.2",
        "root": {"path": str(root)},
        "process": {"cwd": "/", "args": ["/bin/true"]},
        "linux": {"namespaces": [{"type": "mount"}], "cgroupsPath": "/a/path"},
    }
    with SyncClient() as client, pytest.raises(ContainerdError, match="slice:prefix:name"):
        client.create(OciSpec(oci=document))
