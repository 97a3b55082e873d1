"""The cpu controller (Documentation/admin-guide/cgroup-v2.rst, "CPU Interface Files")."""

from __future__ import annotations

import math

from containerd_py.errors import NotSupported
from containerd_py.runtime.cgroups.resources import FileValue

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from containerd_py.runtime.cgroups.resources import Cpu, Read, Resources

_LEAST_SHARES, _MOST_SHARES = 2, 262144
_LEAST_WEIGHT, _MOST_WEIGHT = 1, 10000


def values(resources: Resources, read: Read) -> tuple[FileValue, ...]:
    """Quota and burst bound each other: the kernel tells which goes first."""
    cpu = resources.cpu
    if cpu.realtime_period is not None or cpu.realtime_runtime is not None:
        raise NotSupported("cannot limit realtime CPU time: cgroup v2 has no controller for it", step="cgroup")
    return tuple(_values(cpu, read))


def _values(cpu: Cpu, read: Read) -> Iterator[FileValue]:
    if cpu.idle is not None:  # before the weight, which an idle group refuses
        yield FileValue("cpu.idle", str(cpu.idle))
    if cpu.shares is not None:
        yield FileValue("cpu.weight", str(weight(cpu.shares)))
    if cpu.burst is not None:
        yield FileValue("cpu.max.burst", str(cpu.burst), waits=True)
    if cpu.quota is not None or cpu.period is not None:
        yield FileValue("cpu.max", _bandwidth(cpu, read), waits=True)


def weight(shares: int) -> int:
    """Convert shares of cgroup v1 (2 to 262144, 1024 usual) to a weight (1 to 10000, 100 usual).

    The curve through the three pairs that opencontainers/cgroups (ConvertCPUSharesToCgroupV2Value) and crun have used since
    2024: ceil(10 ** ((l² + 125·l) / 612 - 7/34)) with l = log2(shares). The line before it made of the usual 1024 a 39.
    """
    if shares <= _LEAST_SHARES:
        return _LEAST_WEIGHT
    if shares >= _MOST_SHARES:
        return _MOST_WEIGHT
    exponent = math.log2(shares)
    return math.ceil(10 ** ((exponent * exponent + 125 * exponent) / 612 - 7 / 34))


def _bandwidth(cpu: Cpu, read: Read) -> str:
    """The kernel keeps a period that is not named, but wants a quota: then the one that is there."""
    there = (read("cpu.max") or "max").split()[0]
    asked = {None: there, -1: "max"}.get(cpu.quota, str(cpu.quota))
    return asked if cpu.period is None else f"{asked} {cpu.period}"
