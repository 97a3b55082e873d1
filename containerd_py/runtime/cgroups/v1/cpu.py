"""The cpu controller (Documentation/scheduler/sched-design-CFS.rst, sched-bwc.rst, sched-rt-group.rst)."""

from __future__ import annotations

from containerd_py.runtime.cgroups.resources import FileValue

TYPE_CHECKING = False
if TYPE_CHECKING:
    from containerd_py.runtime.cgroups.resources import Read, Resources


def values(resources: Resources, _read: Read) -> tuple[FileValue, ...]:
    """Period, burst and quota bound each other, and so do both realtime values: the kernel tells which goes first.

    The least and the most shares are 2 and 262144, and the kernel clamps what is beyond.
    """
    cpu = resources.cpu
    asked = (
        ("cpu.shares", cpu.shares),
        ("cpu.cfs_period_us", cpu.period),
        ("cpu.cfs_burst_us", cpu.burst),
        ("cpu.cfs_quota_us", cpu.quota),
        ("cpu.idle", cpu.idle),
    )
    return (*_asked(*asked), *realtime(resources))


def realtime(resources: Resources) -> tuple[FileValue, ...]:
    """What a parent must have, too, for a child to have it; a new one has none."""
    cpu = resources.cpu
    return _asked(("cpu.rt_period_us", cpu.realtime_period), ("cpu.rt_runtime_us", cpu.realtime_runtime))


def _asked(*asked: tuple[str, int | None]) -> tuple[FileValue, ...]:
    return tuple(
        FileValue(name, str(value), waits=name not in ("cpu.shares", "cpu.idle"), kept=name == "cpu.shares")
        for name, value in asked
        if value is not None
    )
