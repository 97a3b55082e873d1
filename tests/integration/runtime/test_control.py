"""A running container is paused, limited anew, measured, signalled as a whole."""

import os
import select
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from containerd_py.errors import Conflict, DeadlineExceeded, InvalidArgument, NotSupported
from containerd_py.runtime import Container
from containerd_py.runtime.spec.resources import Resources
from tests.integration.runtime.workshop import Workshop, process

PATIENCE_S = 20
COUNTING = ["sh", "-c", "i=0; while :; do i=$((i+1)); echo $i >/count; done"]


def limits(**document: object) -> Resources:
    return Resources.parse(document)


def value(container: Container, name: str) -> str:
    return next((Path(path) / name).read_text().strip() for path in container.cgroups if (Path(path) / name).exists())


def count(rootfs: Path) -> int:
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        text = (rootfs / "count").read_text() if (rootfs / "count").exists() else ""
        if text.strip():
            return int(text)
    raise TimeoutError


def test_a_paused_container_stands_still_until_it_is_resumed(shop: Workshop, rootfs: Path) -> None:
    container = shop.sleeping({"process.args": COUNTING})
    count(rootfs)
    container.pause()
    assert container.state().status == "paused"
    before = (rootfs / "count").read_bytes()
    assert not select.select([], [], [], 0.1)[0]
    assert (rootfs / "count").read_bytes() == before
    container.resume()
    assert container.state().status == "running"
    deadline = time.monotonic() + PATIENCE_S
    while (rootfs / "count").read_bytes() == before:
        assert time.monotonic() < deadline


def test_only_what_runs_is_paused_and_only_what_is_paused_is_resumed(shop: Workshop) -> None:
    container = shop.create({"process.args": ["sleep", "60"]})
    container.start()
    with pytest.raises(Conflict, match="cannot resume container 'box': it is running"):
        container.resume()
    container.pause()
    with pytest.raises(Conflict, match="cannot execute in container 'box': it is paused"):
        container.exec(process("true"))


def test_a_paused_container_can_be_destroyed(shop: Workshop) -> None:
    container = shop.sleeping()
    container.pause()
    container.destroy(force=True)
    assert container.wait().signal == signal.SIGKILL


@pytest.fixture
def icebox() -> Iterator[Path]:
    """A cgroup of somebody else's freezer."""
    made = Path(f"/sys/fs/cgroup/freezer/pycontainerd-icebox-{os.getpid()}")
    if not made.parent.is_mount():
        pytest.skip("there is no freezer of cgroup v1")
    made.mkdir()
    yield made
    (made / "freezer.state").write_text("THAWED")
    made.rmdir()


def test_what_cannot_be_killed_is_told_and_stays(shop: Workshop, icebox: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("containerd_py.runtime.ending._KILL_S", 0.2)
    container = shop.sleeping()
    (icebox / "cgroup.procs").write_text(str(container.pid))
    (icebox / "freezer.state").write_text("FROZEN")
    with pytest.raises(DeadlineExceeded, match=r"cannot end container 'box': process \d+ was killed 0.2 s ago"):
        container.destroy(force=True)
    assert container.state().status == "running"
    (icebox / "freezer.state").write_text("THAWED")
    container.destroy(force=True)


def test_limits_are_changed_live(shop: Workshop) -> None:
    container = shop.sleeping({"linux.resources": {"pids": {"limit": 10}}})
    container.update(limits(pids={"limit": 20}))
    assert value(container, "pids.max") == "20"
    container.update(limits(memory={"limit": 64 << 20}))
    assert value(container, "pids.max") == "20"
    assert container.stats().memory.usage.limit == 64 << 20


def test_a_limit_that_cannot_be(shop: Workshop) -> None:
    container = shop.sleeping()
    with pytest.raises((InvalidArgument, NotSupported)):
        container.update(limits(hugepageLimits=[{"pageSize": "3MB", "limit": 1}]))


def test_a_change_that_is_refused_halfway_changes_nothing(shop: Workshop) -> None:
    """Memory comes after the CPU, and cannot be limited below what is in use; the devices come last."""
    container = shop.sleeping({"linux.resources": {"cpu": {"shares": 512, "quota": 50_000, "period": 100_000}}})
    names = ("cpu.shares", "cpu.cfs_quota_us", "cpu.cfs_period_us", "memory.limit_in_bytes", "pids.max")
    before = {name: value(container, name) for name in names}
    refused = limits(cpu={"shares": 2048, "quota": 30_000, "period": 60_000}, memory={"limit": 4096}, pids={"limit": 77})
    with pytest.raises(Conflict, match=r"^cannot set memory\.limit_in_bytes to '4096': .* \(linux\.resources\.memory\)$"):
        container.update(refused)
    assert {name: value(container, name) for name in names} == before


def test_what_it_uses(shop: Workshop) -> None:
    container = shop.sleeping({"process.args": ["sh", "-c", "sleep 60 & wait"]})
    stats = container.stats()
    assert stats.pids.current >= 1
    assert stats.memory.usage.usage > 0


def test_memory_that_runs_out_is_told(shop: Workshop) -> None:
    eat = "read go </go; x=aaaaaaaaaaaaaaaa; while :; do x=$x$x; done"
    os.mkfifo(shop.bundle / "rootfs/go")
    container = shop.sleeping({"process.args": ["sh", "-c", eat], "linux.resources": {"memory": {"limit": 16 << 20}}})
    with container.oom() as watch:
        assert watch.killed() == 0
        (shop.bundle / "rootfs/go").write_text("go\n")
        assert select.select([watch], [], [], PATIENCE_S)[0]
        assert container.wait().signal == signal.SIGKILL
        assert watch.killed() == 1


def test_every_process_is_signalled(shop: Workshop) -> None:
    """Without a pid namespace the payload's end is not the others'."""
    changes = {"process.args": ["sh", "-c", "sleep 60 & sleep 60 & wait"], "linux.namespaces": [{"type": "mount"}]}
    container = shop.sleeping(changes)
    deadline = time.monotonic() + PATIENCE_S
    while len(container.processes()) < 3:
        assert time.monotonic() < deadline
    container.kill(signal.SIGTERM, everything=True)
    container.wait()
    while container.processes():
        assert time.monotonic() < deadline


def test_what_has_ended_is_not_measured(shop: Workshop) -> None:
    container = shop.create({})
    container.start()
    container.wait()
    with pytest.raises(Conflict, match="cannot measure container 'box': it is stopped"):
        container.stats()
