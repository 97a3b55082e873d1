"""Reading the figures of cgroup v1 (Documentation/admin-guide/cgroup-v1/). `read` reads the controller's own directory."""

from __future__ import annotations

import os

from containerd_py.runtime.cgroups.keyed import keyed, limit, number
from containerd_py.runtime.cgroups.stats.document import CPUSET_SWITCHES
from containerd_py.runtime.cgroups.stats.figures import BlockEntry, BlockIo, Cpu, CpuSet, Memory, Usage
from containerd_py.runtime.spec.number_list import parse_number_list

TYPE_CHECKING = False
if TYPE_CHECKING:
    from containerd_py.runtime.cgroups.resources import Read

_NS = 10**9
_OPERATIONS = (  # the first pair of files that is there: with BFQ, or without
    ("blkio.bfq.io_service_bytes_recursive", "blkio.bfq.io_serviced_recursive"),
    ("blkio.throttle.io_service_bytes_recursive", "blkio.throttle.io_serviced_recursive"),
    ("blkio.throttle.io_service_bytes", "blkio.throttle.io_serviced"),
)


def cpu(read: Read) -> Cpu:
    """From cpuacct.rst: cpuacct.stat counts in ticks of the C library's clock."""
    ticks = keyed(read("cpuacct.stat"))
    tick_ns = _NS // os.sysconf("SC_CLK_TCK")
    return Cpu(
        usage_ns=number(read("cpuacct.usage")),
        user_ns=ticks.get("user", 0) * tick_ns,
        kernel_ns=ticks.get("system", 0) * tick_ns,
        per_cpu_ns=_numbers(read("cpuacct.usage_percpu")),
        per_cpu_user_ns=_numbers(read("cpuacct.usage_percpu_user")),
        per_cpu_kernel_ns=_numbers(read("cpuacct.usage_percpu_sys")),
    )


def throttling(read: Read) -> tuple[int, int, int]:
    """Return periods, throttled periods and throttled time (Documentation/scheduler/sched-bwc.rst)."""
    stat = keyed(read("cpu.stat"))
    return stat.get("nr_periods", 0), stat.get("nr_throttled", 0), stat.get("throttled_time", 0)


def cpuset(read: Read) -> CpuSet:
    """From cpusets.rst."""
    numbers = {name: (read(f"cpuset.{name}") or "").strip() for name in CPUSET_SWITCHES}
    return CpuSet(
        cpus=_listed(read("cpuset.cpus")),
        mems=_listed(read("cpuset.mems")),
        switches={name: int(text) for name, text in numbers.items() if text},
    )


def _listed(text: str | None) -> tuple[int, ...]:
    return parse_number_list(text.strip()) if text and text.strip() else ()


def memory(read: Read) -> Memory:
    """From memory.rst. The figures with `total_` are those of the cgroup and all below."""
    stat = keyed(read("memory.stat"))
    return Memory(
        usage=_usage(read, "memory"),
        swap=_usage(read, "memory.memsw"),
        kernel=_usage(read, "memory.kmem"),
        kernel_tcp=_usage(read, "memory.kmem.tcp"),
        cache=stat.get("total_cache", 0),
        anon=stat.get("total_rss", 0),
        file=stat.get("total_cache", 0) - stat.get("total_shmem", 0),
        raw=stat,
    )


def _usage(read: Read, prefix: str) -> Usage:
    return Usage(
        usage=number(read(f"{prefix}.usage_in_bytes")),
        limit=limit(read(f"{prefix}.limit_in_bytes")),
        peak=number(read(f"{prefix}.max_usage_in_bytes")),
        failures=number(read(f"{prefix}.failcnt")),
    )


def block_io(read: Read) -> BlockIo:
    for size, count in _OPERATIONS:
        sizes, counts = entries(read(size)), entries(read(count))
        if sizes or counts:
            return BlockIo(sizes, counts)
    return BlockIo()


def entries(text: str | None) -> tuple[BlockEntry, ...]:
    """Read lines "8:0 Read 4096"; the last line, "Total 4096", is of no device."""
    found = []
    for line in (text or "").splitlines():
        device, *rest = line.split()
        major, _, minor = device.partition(":")
        if len(rest) == 2 and minor.isdigit():
            found.append(BlockEntry(int(major), int(minor), rest[0], int(rest[1])))
    return tuple(found)


def hugetlb(read: Read, page_size: str) -> Usage:
    """Reservations where the kernel counts them (Linux 5.7), else faults."""
    reserved = f"hugetlb.{page_size}.rsvd"
    return _usage(read, reserved if read(f"{reserved}.usage_in_bytes") is not None else f"hugetlb.{page_size}")


def _numbers(text: str | None) -> tuple[int, ...]:
    return tuple(map(int, (text or "").split()))
