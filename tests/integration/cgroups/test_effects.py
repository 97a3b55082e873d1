"""Limits by their effect on real processes. Runs natively (cgroup v1, or both) and in a guest with cgroup v2 alone."""

import errno
import mmap
import os
import select
import signal
import struct
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from containerd_py.errors import Conflict, ContainerdError, InvalidArgument, NotSupported, Unavailable
from containerd_py.light.dataclasses import replace
from containerd_py.runtime.cgroups import freezer, killing, stats
from containerd_py.runtime.cgroups.directories import make
from containerd_py.runtime.cgroups.layout import Layout
from containerd_py.runtime.cgroups.members import pids
from containerd_py.runtime.cgroups.normalise import normalise
from containerd_py.runtime.cgroups.oom import OomWatch, oom_kills
from containerd_py.runtime.cgroups.resources import Resources
from containerd_py.runtime.spec.resources import parse_resources
from tests.integration.cgroups.members import Room

MIB = 2**20
LIMIT = 32 * MIB
PATIENCE_S = 20.0


def resources(asked: dict[str, Any]) -> Resources:
    return normalise(parse_resources(asked))


MEMORY = resources({"memory": {"limit": LIMIT, "swap": LIMIT}})


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.005)


def hog(size: int = 4 * LIMIT, then: Callable[[], None] | None = None) -> None:
    """Touch anonymous memory, page by page, and hold it while something else is done."""
    memory = mmap.mmap(-1, size, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    for offset in range(0, size, mmap.PAGESIZE):
        memory[offset] = 1
    if then is not None:
        then()


def burn(seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        pass


def sleep() -> None:
    time.sleep(600)


def needs(host: Layout, controller: str) -> None:
    """Skip where neither hierarchy has the controller; the guest, or the host, has it."""
    name = {"blkio": "io"}.get(controller, controller)
    if controller not in host.v1 and name not in host.v2_controllers:
        pytest.skip(f"no {controller} controller in this layout")


# ── memory ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_hog_is_killed_at_the_limit_and_the_watch_tells(room: Room) -> None:
    with OomWatch(room.make(MEMORY)) as watch:
        assert watch.killed() == 0
        assert not select.select([watch], [], [], 0)[0]
        child = room.start(hog)
        assert select.select([watch], [], [], PATIENCE_S)[0]
        assert room.finish(child) == -signal.SIGKILL
        until(lambda: watch.killed() == 1)
        figures = stats.collect(room.cgroup).memory
    assert figures.oom_kills == 1
    assert figures.usage.limit == LIMIT
    assert figures.usage.peak == LIMIT


def test_what_fits_is_not_killed(room: Room) -> None:
    room.make(MEMORY)
    assert room.run(lambda: hog(LIMIT // 4)) == 0
    assert oom_kills(room.cgroup) == 0


def test_a_limit_is_lowered_and_raised_while_it_runs(room: Room, host: Layout) -> None:
    room.make(MEMORY)
    for size in (LIMIT * 4, LIMIT // 2, LIMIT * 2):
        room.update(resources({"memory": {"limit": size, "swap": size}}))
        assert stats.collect(room.cgroup).memory.usage.limit == size
    room.update(resources({"memory": {"limit": -1}}))
    assert stats.collect(room.cgroup).memory.usage.limit is None
    assert stats.collect(room.cgroup).memory.swap.limit is None
    if "memory" in host.v1:
        assert room.read("memory.memsw.limit_in_bytes") == room.read("memory.limit_in_bytes")


def test_a_limit_below_the_usage_is_refused_where_that_is_asked(room: Room) -> None:
    room.make(resources({"memory": {"limit": 2 * LIMIT, "swap": 2 * LIMIT}}))
    room.start(lambda: hog(LIMIT, sleep))
    until(lambda: stats.collect(room.cgroup).memory.anon >= LIMIT)
    with pytest.raises(Conflict) as caught:
        room.update(resources({"memory": {"limit": LIMIT // 2, "swap": 2 * LIMIT, "checkBeforeUpdate": True}}))
    assert caught.value.errno == "EBUSY"
    assert stats.collect(room.cgroup).memory.usage.limit == 2 * LIMIT
    assert oom_kills(room.cgroup) == 0


@pytest.mark.parametrize("name", ["kernel", "swappiness", "disableOOMKiller", "useHierarchy"])
def test_what_the_memory_controller_has_not_is_refused(room: Room, host: Layout, name: str) -> None:
    value = {"kernel": LIMIT, "swappiness": 10, "disableOOMKiller": True, "useHierarchy": False}[name]
    asked = resources({"memory": {name: value}})
    if "memory" in host.v1 and name in ("swappiness", "disableOOMKiller"):
        room.make(asked)
        assert room.read({"swappiness": "memory.swappiness", "disableOOMKiller": "memory.oom_control"}[name])
        return
    with pytest.raises(NotSupported, match="memory"):
        room.make(asked)


# ── tasks, CPU ──────────────────────────────────────────────────────────────────────────────────────────────────────


def fork_bomb() -> int:
    """Return how many children there could be."""
    children: list[int] = []
    with suppress(BlockingIOError):
        while len(children) < 50:
            child = os.fork()
            if child == 0:
                signal.pause()
            children.append(child)
    for child in children:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    return len(children)


def test_a_fork_bomb_is_stopped(room: Room) -> None:
    room.make(resources({"pids": {"limit": 8}}))
    assert room.run(fork_bomb) == 7
    room.update(resources({"pids": {"limit": 4}}))
    assert room.run(fork_bomb) == 3
    assert stats.collect(room.cgroup).pids.limit == 4


def test_a_quota_throttles(room: Room) -> None:
    room.make(resources({"cpu": {"quota": 5000, "period": 50000}}))
    room.run(lambda: burn(0.4))
    figures = stats.collect(room.cgroup).cpu
    assert figures.throttled_periods > 0
    assert figures.throttled_ns > 0
    assert 0 < figures.usage_ns < 350_000_000


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({"quota": 50000, "period": 100000}, {"quota": 2000, "period": 4000}),
        ({"quota": 2000, "period": 4000}, {"quota": 500000, "period": 1000000}),
        ({"quota": 50000, "burst": 50000}, {"quota": 10000, "burst": 10000}),
        ({"quota": 10000, "burst": 10000}, {"quota": 50000, "burst": 50000}),
        ({"quota": 10000, "burst": 10000}, {"quota": -1, "burst": 0}),
        ({"quota": 50000}, {"period": 200000}),
        ({"period": 200000}, {"quota": 50000}),
    ],
)
def test_bandwidth_goes_up_and_down(room: Room, host: Layout, before: dict[str, int], after: dict[str, int]) -> None:
    room.make(resources({"cpu": before}))
    room.update(resources({"cpu": after}))
    wanted = {"quota": -1, "period": 100000, "burst": 0} | before | after
    if "cpu" in host.v1:
        found = {name: int(room.read(f"cpu.cfs_{name}_us")) for name in wanted}
    else:
        quota, period = room.read("cpu.max").split()
        found = {
            "quota": -1 if quota == "max" else int(quota),
            "period": int(period),
            "burst": int(room.read("cpu.max.burst")),
        }
    assert found == wanted


def test_shares(room: Room, host: Layout) -> None:
    room.make(resources({"cpu": {"shares": 512}}))
    assert room.read("cpu.shares" if "cpu" in host.v1 else "cpu.weight") == ("512" if "cpu" in host.v1 else "59")
    room.update(resources({"cpu": {"idle": 1}}))
    assert room.read("cpu.idle") == "1"


def test_shares_that_the_kernel_would_change(room: Room, host: Layout) -> None:
    if "cpu" not in host.v1:
        pytest.skip("a weight is never out of range")
    with pytest.raises(NotSupported, match=r"cannot set cpu\.shares to '1': this kernel makes '2' of it"):
        room.make(resources({"cpu": {"shares": 1}}))


def test_one_cpu(room: Room, host: Layout) -> None:
    needs(host, "cpuset")
    room.make(resources({"cpu": {"cpus": "0"}}))
    assert room.run(lambda: 0 if os.sched_getaffinity(0) == {0} else 1) == 0


def test_a_cpu_that_is_not_there(room: Room, host: Layout) -> None:
    needs(host, "cpuset")
    with pytest.raises(ContainerdError, match=r"cannot set cpuset\.cpus to '4000'"):
        room.make(resources({"cpu": {"cpus": "4000"}}))


# ── devices ─────────────────────────────────────────────────────────────────────────────────────────────────────────

NOTHING = {"allow": False}
KMSG = {"allow": True, "type": "c", "major": 1, "minor": 11, "access": "r"}


def opening(path: str, flags: int) -> Callable[[], int]:
    def open_it() -> int:
        try:
            os.close(os.open(path, flags))
        except OSError as problem:
            return problem.errno or 255
        return 0

    return open_it


@pytest.mark.parametrize(
    ("rules", "path", "flags", "expected"),
    [
        ([NOTHING], "/dev/kmsg", os.O_RDONLY, errno.EPERM),
        ([NOTHING], "/dev/null", os.O_RDWR, 0),
        ([NOTHING, KMSG], "/dev/kmsg", os.O_RDONLY, 0),
        ([NOTHING, KMSG], "/dev/kmsg", os.O_WRONLY, errno.EPERM),
        ([KMSG], "/dev/kmsg", os.O_WRONLY, 0),
        ([KMSG | {"allow": False, "access": "w"}], "/dev/kmsg", os.O_RDONLY, 0),
        ([KMSG | {"allow": False, "access": "w"}], "/dev/kmsg", os.O_WRONLY, errno.EPERM),
    ],
)
def test_a_device_is_opened_or_not(room: Room, rules: list[dict[str, Any]], path: str, flags: int, expected: int) -> None:
    room.make(resources({"devices": rules}))
    assert room.run(opening(path, flags)) == expected


def test_device_rules_change_while_it_runs(room: Room) -> None:
    room.make(resources({"devices": [NOTHING]}))
    assert room.run(opening("/dev/kmsg", os.O_RDONLY)) == errno.EPERM
    room.update(resources({"devices": [NOTHING, KMSG]}))
    assert room.run(opening("/dev/kmsg", os.O_RDONLY)) == 0
    room.update(resources({"devices": [NOTHING]}))
    assert room.run(opening("/dev/kmsg", os.O_RDONLY)) == errno.EPERM


# ── block I/O, huge pages ───────────────────────────────────────────────────────────────────────────────────────────


def disk() -> tuple[int, int] | None:
    """Return the number of a block device: none is read or written."""
    for path in sorted(Path("/sys/block").iterdir(), key=lambda path: path.name.startswith(("loop", "ram", "zram"))):
        major, minor = (path / "dev").read_text().strip().split(":")
        return int(major), int(minor)
    return None


def test_rates_of_a_disk(room: Room, host: Layout) -> None:
    number = disk()
    if number is None:
        pytest.skip("no block device")
    device = {"major": number[0], "minor": number[1]}
    room.make(
        resources(
            {
                "blockIO": {
                    "throttleReadBpsDevice": [device | {"rate": MIB}],
                    "throttleWriteIOPSDevice": [device | {"rate": 9}],
                }
            }
        )
    )
    name = "{}:{}".format(*number)
    if "blkio" in host.v1:
        assert room.read("blkio.throttle.read_bps_device") == f"{name} {MIB}"
        assert room.read("blkio.throttle.write_iops_device") == f"{name} 9"
        room.update(resources({"blockIO": {"throttleReadBpsDevice": [device | {"rate": 0}]}}))
        assert room.read("blkio.throttle.read_bps_device") == ""
    else:
        assert room.read("io.max") == f"{name} rbps={MIB} wbps=max riops=max wiops=9"
        room.update(resources({"blockIO": {"throttleReadBpsDevice": [device | {"rate": 0}]}}))
        assert room.read("io.max") == f"{name} rbps=max wbps=max riops=max wiops=9"


def test_rates_of_a_device_that_is_not_there(room: Room) -> None:
    with pytest.raises(InvalidArgument, match=r"cannot set .* to '4000:1") as caught:
        room.make(resources({"blockIO": {"throttleReadBpsDevice": [{"major": 4000, "minor": 1, "rate": 1}]}}))
    assert caught.value.hint is not None
    assert "there is no such device" in caught.value.hint


def test_huge_pages(room: Room, host: Layout) -> None:
    needs(host, "hugetlb")
    room.make(resources({"hugepageLimits": [{"pageSize": "2MB", "limit": 4 * MIB}]}))
    assert room.read("hugetlb.2MB.limit_in_bytes" if "hugetlb" in host.v1 else "hugetlb.2MB.max") == str(4 * MIB)
    assert stats.collect(room.cgroup).hugetlb["2MB"].limit == 4 * MIB


def test_huge_pages_of_a_size_that_is_not_there(room: Room, host: Layout) -> None:
    needs(host, "hugetlb")
    with pytest.raises(NotSupported, match=r"no such control file \(linux\.resources\.hugepageLimits\.0\.pageSize\)"):
        room.make(resources({"hugepageLimits": [{"pageSize": "3MB", "limit": 0}]}))


def test_unified(room: Room, host: Layout) -> None:
    if "memory" in host.v2_controllers:
        room.make(resources({"unified": {"memory.high": str(LIMIT), "cgroup.max.depth": "3"}}))
        assert (room.read("memory.high"), room.read("cgroup.max.depth")) == (str(LIMIT), "3")
        with pytest.raises(NotSupported, match=r"cannot set memory\.nothing"):
            room.update(resources({"unified": {"memory.nothing": "1"}}))
        return
    with pytest.raises(NotSupported, match=r"cannot set linux\.resources\.unified"):
        room.make(resources({"unified": {"memory.high": str(LIMIT)}}))


# ── stopping, killing, removing ─────────────────────────────────────────────────────────────────────────────────────


class Counter:
    """A number that a child counts up where we can see it."""

    def __init__(self) -> None:
        self._memory = mmap.mmap(-1, mmap.PAGESIZE)  # shared with children

    def count(self) -> None:
        number = 0
        while True:
            number += 1
            self._memory[:8] = struct.pack("Q", number)

    @property
    def value(self) -> int:
        (value,) = struct.unpack("Q", self._memory[:8])
        return int(value)


def test_frozen_processes_stand_and_go_on(room: Room) -> None:
    room.make(Resources())
    counter = Counter()
    room.start(counter.count)
    until(lambda: counter.value > 0)
    freezer.freeze(room.cgroup)
    assert freezer.is_frozen(room.cgroup)
    stood = counter.value
    time.sleep(0.05)
    assert counter.value == stood
    freezer.freeze(room.cgroup)  # a second time: nothing changes
    freezer.thaw(room.cgroup)
    assert not freezer.is_frozen(room.cgroup)
    until(lambda: counter.value > stood)


def forks() -> None:
    """Be a process that is another one all the time."""
    while True:
        if os.fork():
            os._exit(0)


def test_what_forks_all_the_time_is_frozen_and_killed(room: Room) -> None:
    room.make(resources({"pids": {"limit": 10}}))
    room.run(lambda: None if os.fork() else forks())
    until(lambda: bool(pids(room.cgroup)))
    freezer.freeze(room.cgroup)
    first = pids(room.cgroup)
    assert first == pids(room.cgroup) != ()
    killing.kill(room.cgroup)
    until(lambda: not pids(room.cgroup))
    assert not freezer.is_frozen(room.cgroup)


def test_a_process_does_not_freeze_itself(room: Room) -> None:
    room.make(Resources())

    def freeze_own() -> int:
        with pytest.raises(Conflict, match="this process is in it"):
            freezer.freeze(room.cgroup)
        return 0

    assert room.run(freeze_own) == 0
    assert not freezer.is_frozen(room.cgroup)


def test_all_below_is_killed_and_removed(room: Room) -> None:
    room.make(Resources())
    below = replace(room.cgroup, v2=f"{room.cgroup.v2}/a/b") if room.cgroup.v2 else room.cgroup
    if room.cgroup.v2 is None:
        below = replace(room.cgroup, v1=tuple(f"{path}/a/b" for path in room.cgroup.v1))
    for path in below.paths:
        os.makedirs(path, exist_ok=True)
    top, room.cgroup = room.cgroup, below
    child = room.start(sleep)
    until(lambda: pids(below) == (child,))
    room.cgroup = top
    assert pids(top) == (child,)
    assert room.manager.of_process(top, child).v2 == below.v2
    killing.kill(top)
    assert room.finish(child) == -signal.SIGKILL


def test_a_signal_to_all(room: Room) -> None:
    room.make(Resources())
    children = [room.start(sleep) for _ in range(3)]
    until(lambda: len(pids(room.cgroup)) == 3)
    killing.signal_all(room.cgroup, signal.SIGTERM)
    assert [room.finish(child) for child in children] == [-signal.SIGTERM] * 3
    assert not freezer.is_frozen(room.cgroup)


def test_a_parent_with_processes_can_hand_nothing_down(room: Room, host: Layout) -> None:
    """cgroup-v2.rst, "No Internal Process Constraint"."""
    if "memory" not in host.v2_controllers:
        pytest.skip("cgroup v1 has no such rule")
    room.make(Resources())
    room.start(sleep)
    until(lambda: bool(pids(room.cgroup)))
    with pytest.raises(Unavailable, match="Device or resource busy") as caught:
        room.manager.create(f"{room.path}/below", MEMORY)
    assert caught.value.hint is not None
    assert "no internal processes" in caught.value.hint
    assert not os.path.exists(f"{room.cgroup.v2}/below")
    assert (room.read("cgroup.type"), room.read("cgroup.subtree_control")) == ("domain", "")


def test_a_cgroup_with_processes_is_not_taken_over(room: Room) -> None:
    room.make(Resources())
    room.start(sleep)
    until(lambda: bool(pids(room.cgroup)))
    with pytest.raises(Conflict, match="cgroup is not empty"):
        room.manager.create(room.path, Resources())


# ── figures, and joining later ──────────────────────────────────────────────────────────────────────────────────────


def test_figures(room: Room) -> None:
    room.make(Resources())
    counter = Counter()

    room.start(lambda: hog(8 * MIB, counter.count))
    until(lambda: counter.value > 0 and stats.collect(room.cgroup).cpu.user_ns > 0)
    found = stats.collect(room.cgroup)
    assert found.cpu.usage_ns > 0
    assert found.memory.anon >= 8 * MIB
    assert found.memory.usage.usage >= 8 * MIB
    assert found.memory.usage.limit is None
    assert found.memory.raw
    assert found.pids == stats.figures.Pids(1, None)
    document = found.document()
    assert document["memory"]["usage"]["limit"] == 2**64 - 1
    assert document["pids"] == {"current": 1}


def test_a_hierarchy_is_joined_when_a_limit_needs_it(room: Room, host: Layout) -> None:
    room.make(Resources())
    room.start(lambda: burn(600))
    until(lambda: bool(pids(room.cgroup)))
    before = room.cgroup
    room.update(resources({"cpu": {"quota": 5000, "period": 50000}}))
    if "cpu" in host.v1:
        (joined,) = set(room.cgroup.v1) - set(before.v1)
        assert (Path(joined) / "cgroup.procs").read_text().split() == [str(pid) for pid in pids(room.cgroup)]
    until(lambda: stats.collect(room.cgroup).cpu.throttled_periods > 0)
    assert not freezer.is_frozen(room.cgroup)


@pytest.mark.parametrize("above_is_there", [False, True])
def test_realtime(room: Room, host: Layout, *, above_is_there: bool) -> None:
    """A cgroup above has no realtime time to give, unless it was made for this one, or somebody gave it some."""
    asked = resources({"cpu": {"realtimeRuntime": 10000, "realtimePeriod": 1000000}})
    if "cpu" not in host.v1:
        with pytest.raises(NotSupported, match="cannot limit realtime CPU time"):
            room.make(asked)
        return
    if not os.path.exists(f"{host.v1['cpu']}/cpu.rt_runtime_us"):
        pytest.skip("a kernel without CONFIG_RT_GROUP_SCHED")
    if not above_is_there:
        room.make(asked)
        assert room.read("cpu.rt_runtime_us") == "10000"
        return
    with made_above(host.v1["cpu"], room.path):
        expect_no_realtime(room, asked)


@contextmanager
def made_above(mount: str, path: str) -> Iterator[None]:
    above = os.path.dirname(mount + path)
    made: list[str] = []
    make(above, made)
    yield
    for directory in reversed(made):
        if os.path.isdir(directory):  # the last container below takes its parents away
            os.rmdir(directory)


def expect_no_realtime(room: Room, asked: Resources) -> None:
    with pytest.raises(InvalidArgument, match=r"cannot set cpu\.rt_runtime_us to '10000'") as caught:
        room.make(asked)
    assert caught.value.hint is not None
    assert "raise cpu.rt_runtime_us there first" in caught.value.hint
