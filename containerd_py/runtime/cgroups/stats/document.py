"""Figures in the shape of the `data` that `runc events --stats` prints (opencontainers/runc, types/events.go)."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from containerd_py.runtime.cgroups.stats.figures import (
        BlockEntry,
        BlockIo,
        Cpu,
        CpuSet,
        Memory,
        Pids,
        Pressure,
        Stall,
        Stats,
        Usage,
    )

_UNLIMITED = 2**64 - 1
CPUSET_SWITCHES = (
    *("cpu_exclusive", "mem_hardwall", "mem_exclusive", "memory_migrate", "memory_spread_page", "memory_spread_slab"),
    *("memory_pressure", "sched_load_balance", "sched_relax_domain_level"),
)


def document(stats: Stats) -> dict[str, Any]:
    """Return JSON values. No limit is 2**64-1, but for tasks, where it is left out; so are empty lists."""
    return {
        "cpu": _cpu(stats.cpu),
        "cpuset": _cpuset(stats.cpuset),
        "memory": _memory(stats.memory),
        "pids": _pids(stats.pids),
        "blkio": _block_io(stats.block_io),
        "hugetlb": {
            size: {"usage": usage.usage, "max": usage.peak, "failcnt": usage.failures}
            for size, usage in stats.hugetlb.items()
        },
        "intel_rdt": {},
        "network_interfaces": None,
    }


def _cpu(cpu: Cpu) -> dict[str, Any]:
    per_cpu = {"percpu": cpu.per_cpu_ns, "percpu_kernel": cpu.per_cpu_kernel_ns, "percpu_user": cpu.per_cpu_user_ns}
    return {
        "usage": {
            "total": cpu.usage_ns,
            **{name: list(values) for name, values in per_cpu.items() if values},
            "kernel": cpu.kernel_ns,
            "user": cpu.user_ns,
        },
        "throttling": {
            "periods": cpu.periods,
            "throttledPeriods": cpu.throttled_periods,
            "throttledTime": cpu.throttled_ns,
        },
        **_pressure(cpu.pressure),
    }


def _cpuset(cpuset: CpuSet) -> dict[str, Any]:
    lists = {"cpus": cpuset.cpus, "mems": cpuset.mems}
    return {name: list(numbers) for name, numbers in lists.items() if numbers} | {
        name: cpuset.switches.get(name, 0) for name in CPUSET_SWITCHES
    }


def _memory(memory: Memory) -> dict[str, Any]:
    return {
        "cache": memory.cache,
        "usage": _usage(memory.usage),
        "swap": _usage(memory.swap),
        "kernel": _usage(memory.kernel),
        "kernelTCP": _usage(memory.kernel_tcp),
        "raw": memory.raw,
        **_pressure(memory.pressure),
    }


def _usage(usage: Usage) -> dict[str, int]:
    limit = _UNLIMITED if usage.limit is None else usage.limit
    return {"limit": limit, "usage": usage.usage, "max": usage.peak, "failcnt": usage.failures}


def _pids(pids: Pids) -> dict[str, int]:
    return {"current": pids.current} | ({} if pids.limit is None else {"limit": pids.limit})


def _block_io(block: BlockIo) -> dict[str, Any]:
    tables = {"ioServiceBytesRecursive": block.bytes, "ioServicedRecursive": block.operations}
    return {name: [_entry(entry) for entry in entries] for name, entries in tables.items() if entries} | _pressure(
        block.pressure
    )


def _entry(entry: BlockEntry) -> dict[str, Any]:
    return {"major": entry.major, "minor": entry.minor, "op": entry.op, "value": entry.value}


def _pressure(pressure: Pressure | None) -> dict[str, Any]:
    return {} if pressure is None else {"psi": {"some": _stall(pressure.some), "full": _stall(pressure.full)}}


def _stall(stall: Stall) -> dict[str, Any]:
    return {"avg10": stall.avg10, "avg60": stall.avg60, "avg300": stall.avg300, "total": stall.total_us}
