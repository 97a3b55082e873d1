"""Reading what a container uses, each part from the hierarchy that it has joined for it."""

from __future__ import annotations

import os

from containerd_py.light.dataclasses import replace
from containerd_py.runtime.cgroups import files
from containerd_py.runtime.cgroups.keyed import limit, number
from containerd_py.runtime.cgroups.members import pids
from containerd_py.runtime.cgroups.oom import oom_kills
from containerd_py.runtime.cgroups.stats import v1, v2
from containerd_py.runtime.cgroups.stats.figures import BlockIo, Cpu, CpuSet, Memory, Pids, Pressure, Rdma, Stats, Usage

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from containerd_py.runtime.cgroups.cgroup import Cgroup
    from containerd_py.runtime.cgroups.resources import Read


def collect(cgroup: Cgroup) -> Stats:
    """Read all figures, with those of the cgroups below. A container that is gone has none: nothing is raised."""
    return Stats(
        cpu=_cpu(cgroup),
        memory=_memory(cgroup),
        pids=_pids(cgroup),
        block_io=_block_io(cgroup),
        hugetlb=_hugetlb(cgroup),
        rdma=_rdma(cgroup),
        cpuset=_cpuset(cgroup),
    )


def _reader(cgroup: Cgroup, name: str) -> Read | None:
    directory = cgroup.holding(name)
    return files.reader(directory) if directory else None


def _cpu(cgroup: Cgroup) -> Cpu:
    accounting, bandwidth, unified = (_reader(cgroup, name) for name in ("cpuacct.usage", "cpu.shares", "cgroup.events"))
    found = v1.cpu(accounting) if accounting else v2.cpu(unified) if unified else Cpu()
    if bandwidth:
        periods, throttled, throttled_ns = v1.throttling(bandwidth)
        found = replace(found, periods=periods, throttled_periods=throttled, throttled_ns=throttled_ns)
    return replace(found, pressure=_pressure(cgroup, "cpu"))


def _memory(cgroup: Cgroup) -> Memory:
    legacy, unified = _reader(cgroup, "memory.usage_in_bytes"), _reader(cgroup, "memory.current")
    found = v1.memory(legacy) if legacy else v2.memory(unified) if unified else Memory()
    return replace(found, oom_kills=oom_kills(cgroup), pressure=_pressure(cgroup, "memory"))


def _pids(cgroup: Cgroup) -> Pids:
    """Without the controller, processes are counted instead of tasks."""
    read = _reader(cgroup, "pids.current")
    if read is None:
        return Pids(len(pids(cgroup)))
    return Pids(number(read("pids.current")), limit(read("pids.max")))


def _block_io(cgroup: Cgroup) -> BlockIo:
    legacy, unified = _reader(cgroup, "blkio.reset_stats"), _reader(cgroup, "io.stat")
    found = v1.block_io(legacy) if legacy else v2.block_io(unified) if unified else BlockIo()
    return replace(found, pressure=_pressure(cgroup, "io"))


def _hugetlb(cgroup: Cgroup) -> dict[str, Usage]:
    backends: Mapping[str, Callable[[Read, str], Usage]] = {"usage_in_bytes": v1.hugetlb, "current": v2.hugetlb}
    found = {}
    for directory in cgroup.paths:
        for name in _names(directory):
            prefix, _, rest = name.partition(".")
            page_size, _, figure = rest.partition(".")
            if prefix == "hugetlb" and figure in backends:
                found[page_size] = backends[figure](files.reader(directory), page_size)
    return found


def _names(directory: str) -> list[str]:
    try:
        return os.listdir(directory)
    except FileNotFoundError:
        return []


def _rdma(cgroup: Cgroup) -> dict[str, Rdma]:
    read = _reader(cgroup, "rdma.current")
    return v2.rdma(read) if read else {}


def _cpuset(cgroup: Cgroup) -> CpuSet:
    """On cgroup v1: in v2 its lists are empty where nothing is asked for."""
    read = _reader(cgroup, "cpuset.sched_load_balance")
    return v1.cpuset(read) if read else CpuSet()


def _pressure(cgroup: Cgroup, part: str) -> Pressure | None:
    """Cgroup v2 tells it in its core, beside v1 too."""
    read = _reader(cgroup, f"{part}.pressure")
    return v2.pressure(read(f"{part}.pressure")) if read else None
