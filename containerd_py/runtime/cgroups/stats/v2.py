"""Reading the figures of cgroup v2 (Documentation/admin-guide/cgroup-v2.rst). `read` reads the cgroup's directory."""

from __future__ import annotations

from containerd_py.light.dataclasses import replace
from containerd_py.runtime.cgroups.keyed import keyed, limit, nested, number
from containerd_py.runtime.cgroups.stats.figures import BlockEntry, BlockIo, Cpu, Memory, Pressure, Rdma, Stall, Usage

TYPE_CHECKING = False
if TYPE_CHECKING:
    from containerd_py.runtime.cgroups.resources import Read

_US = 1000
_BYTES = {"rbytes": "Read", "wbytes": "Write", "dbytes": "Discard"}
_COUNTS = {"rios": "Read", "wios": "Write", "dios": "Discard"}


def cpu(read: Read) -> Cpu:
    """cpu.stat tells the usage without a controller too; throttling with it."""
    stat = keyed(read("cpu.stat"))
    return Cpu(
        usage_ns=stat.get("usage_usec", 0) * _US,
        user_ns=stat.get("user_usec", 0) * _US,
        kernel_ns=stat.get("system_usec", 0) * _US,
        periods=stat.get("nr_periods", 0),
        throttled_periods=stat.get("nr_throttled", 0),
        throttled_ns=stat.get("throttled_usec", 0) * _US,
    )


def memory(read: Read) -> Memory:
    """Swap is counted alone in v2; what is told is both together, whose peak nobody knows."""
    stat = keyed(read("memory.stat"))
    usage = replace(_usage(read, "memory"), failures=keyed(read("memory.events")).get("max", 0))
    swap = _usage(read, "memory.swap")
    unlimited = usage.limit is None or swap.limit is None
    both_limit = None if unlimited else (usage.limit or 0) + (swap.limit or 0)
    return Memory(
        usage=usage,
        swap=Usage(usage.usage + swap.usage, both_limit, 0, keyed(read("memory.swap.events")).get("max", 0)),
        kernel=Usage(usage=stat.get("kernel", 0)),
        kernel_tcp=Usage(usage=stat.get("sock", 0)),
        cache=stat.get("file", 0),
        anon=stat.get("anon", 0),
        file=stat.get("file", 0) - stat.get("shmem", 0),
        raw=stat,
    )


def _usage(read: Read, prefix: str) -> Usage:
    """The peaks are told since Linux 5.19, that of swap since 6.5."""
    return Usage(number(read(f"{prefix}.current")), limit(read(f"{prefix}.max")), number(read(f"{prefix}.peak")))


def block_io(read: Read) -> BlockIo:
    devices = nested(read("io.stat"))
    return BlockIo(_entries(devices, _BYTES), _entries(devices, _COUNTS))


def _entries(devices: dict[str, dict[str, str]], names: dict[str, str]) -> tuple[BlockEntry, ...]:
    found = []
    for device, figures in devices.items():
        major, _, minor = device.partition(":")
        found += [
            BlockEntry(int(major), int(minor), op, int(figures[name]))
            for name, op in names.items()
            if minor.isdigit() and figures.get(name, "").isdigit()
        ]
    return tuple(found)


def hugetlb(read: Read, page_size: str) -> Usage:
    """Reservations where the kernel counts them (Linux 5.7), else faults."""
    plain, reserved = f"hugetlb.{page_size}", f"hugetlb.{page_size}.rsvd"
    usage = _usage(read, reserved if read(f"{reserved}.current") is not None else plain)
    return replace(usage, failures=keyed(read(f"{plain}.events")).get("max", 0))


def rdma(read: Read) -> dict[str, Rdma]:
    """The files are the same in v1."""
    current, most = nested(read("rdma.current")), nested(read("rdma.max"))
    return {
        device: Rdma(
            number(used.get("hca_handle")),
            number(used.get("hca_object")),
            limit(most.get(device, {}).get("hca_handle")),
            limit(most.get(device, {}).get("hca_object")),
        )
        for device, used in current.items()
    }


def pressure(text: str | None) -> Pressure | None:
    """Read a file of pressure stall information; None where the kernel has none, or has it switched off."""
    lines = nested(text)
    if "some" not in lines:
        return None
    return Pressure(_stall(lines["some"]), _stall(lines.get("full", {})))


def _stall(items: dict[str, str]) -> Stall:
    avg10, avg60, avg300 = (float(items.get(name, 0)) for name in ("avg10", "avg60", "avg300"))
    return Stall(avg10, avg60, avg300, number(items.get("total")))
