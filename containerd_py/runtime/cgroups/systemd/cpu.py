"""CPUWeight (CPUShares on cgroup v1), CPUQuotaPerSecUSec, CPUQuotaPeriodUSec."""

from __future__ import annotations

from containerd_py.runtime.cgroups.systemd.property import UNLIMITED, Property
from containerd_py.runtime.cgroups.v2.cpu import weight

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from containerd_py.runtime.cgroups.resources import Cpu, Read, Resources
    from containerd_py.runtime.cgroups.systemd.property import Target

_ASKED_BY = "linux.resources.cpu"
_SECOND_US = 1_000_000
_PERIOD_US = 100_000  # the kernel's own default (cgroup-v2.rst, "cpu.max")
_PERCENT_US = _SECOND_US // 100
_LEAST_SHARES, _MOST_SHARES = 2, 262144
_IDLE = 0


def properties(resources: Resources, target: Target, read: Read) -> Iterator[Property]:
    cpu = resources.cpu
    if target.unified and cpu.idle:
        yield Property("CPUWeight", "t", _IDLE, f"{_ASKED_BY}.idle")
    elif cpu.shares is not None:
        yield _weight(cpu.shares, target)
    if cpu.period is not None:
        yield Property("CPUQuotaPeriodUSec", "t", cpu.period, f"{_ASKED_BY}.period")
    quota = _quota(cpu, target, read)
    if quota is not None:
        yield Property("CPUQuotaPerSecUSec", "t", quota, f"{_ASKED_BY}.quota")


def _weight(shares: int, target: Target) -> Property:
    if target.unified:
        return Property("CPUWeight", "t", weight(shares), f"{_ASKED_BY}.shares")
    return Property("CPUShares", "t", min(max(shares, _LEAST_SHARES), _MOST_SHARES), f"{_ASKED_BY}.shares")


def _quota(cpu: Cpu, target: Target, read: Read) -> int | None:
    """Return the time in a second of real time.

    In whole percent, rounded up: systemd keeps no more of it over a daemon-reload (CPUQuota= in the unit's drop-in), and
    rounded down it would be less than was asked for. The exact quota goes into the control file.
    """
    there, period = _there(target, read)
    period = cpu.period or period
    quota = cpu.quota if cpu.quota is not None else (there if cpu.period is not None else None)
    if quota is None:
        return None
    if quota < 0:
        return UNLIMITED
    percent = -(-quota * 100 // period)
    return percent * _PERCENT_US


def _there(target: Target, read: Read) -> tuple[int | None, int]:
    """Return the quota and the period of a cgroup that is there already, which what is asked for changes in part."""
    if target.unified:
        quota, _, period = (read("cpu.max") or "").partition(" ")
    else:
        quota, period = read("cpu.cfs_quota_us") or "", read("cpu.cfs_period_us") or ""
    return int(quota) if quota.isdigit() else None, int(period) if period.isdigit() else _PERIOD_US
