"""`linux.resources.unified`: those control files that systemd has a property for. All are written by their names too."""

from __future__ import annotations

from containerd_py.runtime.cgroups.systemd.cpuset import mask
from containerd_py.runtime.cgroups.systemd.property import UNLIMITED, Property

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from containerd_py.runtime.cgroups.resources import Resources
    from containerd_py.runtime.cgroups.systemd.property import Target

_PERCENT_US = 10_000
_PERIOD_US = 100_000
_ZSWAP = 253
"""The version that has MemoryZSwapMax."""

Found = tuple[tuple[str, str, object], ...]


def properties(resources: Resources, target: Target) -> Iterator[Property]:
    """What is no text of its file yields nothing: the kernel refuses it, with its own error, when the file is written."""
    for file, text in resources.unified:
        reading = _READINGS.get(file)
        if reading is None or (file == "memory.zswap.max" and target.version < _ZSWAP):
            continue
        try:
            found = reading(text.strip())
        except ValueError:
            continue
        for name, signature, value in found:
            yield Property(name, signature, value, f"linux.resources.unified.{file}")


def _limit(name: str) -> Callable[[str], Found]:
    return lambda text: ((name, "t", UNLIMITED if text == "max" else int(text)),)


def _numbers(name: str) -> Callable[[str], Found]:
    return lambda text: ((name, "ay", mask(text)),)


def _weight(text: str) -> Found:
    return (("CPUWeight", "t", int(text)),)


def _idle(text: str) -> Found:
    return (("CPUWeight", "t", 0),) if int(text) else ()


def _bandwidth(text: str) -> Found:
    quota, _, given = text.partition(" ")
    period = int(given or _PERIOD_US)
    if period <= 0:
        raise ValueError(text)
    per_second = UNLIMITED if quota == "max" else -(-int(quota) * 100 // period) * _PERCENT_US
    return ("CPUQuotaPeriodUSec", "t", period), ("CPUQuotaPerSecUSec", "t", per_second)


def _io_weight(text: str) -> Found:
    """A line "default N", or "N" alone; one for a device is a property of its own."""
    found: list[tuple[str, str, object]] = []
    devices: list[tuple[str, int]] = []
    for line in text.splitlines():
        first, _, rest = line.strip().partition(" ")
        if rest and first != "default":
            devices.append((f"/dev/block/{first}", int(rest)))
        else:
            found.append(("IOWeight", "t", int(rest or first)))
    return (*found, *([("IODeviceWeight", "a(st)", devices)] if devices else []))


_IO_MAX = {"rbps": "IOReadBandwidthMax", "wbps": "IOWriteBandwidthMax", "riops": "IOReadIOPSMax", "wiops": "IOWriteIOPSMax"}


def _io_max(text: str) -> Found:
    rows: dict[str, list[tuple[str, int]]] = {}
    for line in text.splitlines():
        device, *limits = line.split()
        for one in limits:
            key, _, value = one.partition("=")
            if key not in _IO_MAX:
                raise ValueError(one)
            rows.setdefault(_IO_MAX[key], []).append((f"/dev/block/{device}", UNLIMITED if value == "max" else int(value)))
    return tuple((name, "a(st)", there) for name, there in rows.items())


_READINGS: dict[str, Callable[[str], Found]] = {
    "memory.min": _limit("MemoryMin"),
    "memory.low": _limit("MemoryLow"),
    "memory.high": _limit("MemoryHigh"),
    "memory.max": _limit("MemoryMax"),
    "memory.swap.max": _limit("MemorySwapMax"),
    "memory.zswap.max": _limit("MemoryZSwapMax"),
    "pids.max": _limit("TasksMax"),
    "cpu.weight": _weight,
    "cpu.idle": _idle,
    "cpu.max": _bandwidth,
    "cpuset.cpus": _numbers("AllowedCPUs"),
    "cpuset.mems": _numbers("AllowedMemoryNodes"),
    "io.weight": _io_weight,
    "io.max": _io_max,
}
