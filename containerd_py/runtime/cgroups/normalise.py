"""From `linux.resources` to `Resources`: the one place that decides what 0, -1 and an empty text mean.

As in runc (libcontainer/specconv, opencontainers/cgroups): a limit of memory, quota, period, shares or weight that is 0 was
not asked for; -1 is no limit. Only `pids.limit` takes 0 at its word (config-linux.md, "PIDs"), as near as it can: with 0
not even the container's first process could be born in the cgroup, so it is 1.
"""

from __future__ import annotations

from containerd_py.runtime.cgroups.resources import (
    BlockIo,
    Cpu,
    Cpuset,
    DeviceRule,
    HugepageLimit,
    Memory,
    RdmaLimit,
    Resources,
    Throttle,
    WeightDevice,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from containerd_py.runtime.spec import resources as spec

UNLIMITED = -1
_BOTH_KINDS = ("b", "c")


def normalise(asked: spec.Resources | None) -> Resources:
    """Return what a document asks for. The document has passed `spec.validate`."""
    if asked is None:
        return Resources()
    return Resources(
        memory=_memory(asked.memory) if asked.memory else Memory(),
        cpu=_cpu(asked.cpu) if asked.cpu else Cpu(),
        cpuset=Cpuset(asked.cpu.cpus or None, asked.cpu.mems or None) if asked.cpu else Cpuset(),
        pids_limit=_tasks(asked.pids.limit) if asked.pids else None,
        block_io=_block_io(asked.block_io) if asked.block_io else BlockIo(),
        hugepages=tuple(HugepageLimit(limit.page_size, limit.limit) for limit in asked.hugepage_limits),
        net_class=asked.network.class_id or None if asked.network else None,
        net_priorities=tuple((item.name, item.priority) for item in asked.network.priorities) if asked.network else (),
        rdma=tuple(RdmaLimit(name, limits.hca_handles, limits.hca_objects) for name, limits in asked.rdma.items()),
        devices=tuple(rule for given in asked.devices for rule in _device(given)),
        unified=tuple(asked.unified.items()),
    )


def _memory(asked: spec.Memory) -> Memory:
    limit, swap = asked.limit or None, asked.swap or None
    return Memory(
        limit=limit,
        reservation=asked.reservation or None,
        swap=swap,
        kernel=_kernel(asked.kernel, limit),
        kernel_tcp=asked.kernel_tcp or None,
        swappiness=asked.swappiness,
        oom_kill_disable=asked.disable_oom_killer,
        use_hierarchy=asked.use_hierarchy,
        check_before_update=bool(asked.check_before_update and (limit or swap)),
    )


def _kernel(asked: int | None, limit: int | None) -> int | None:
    """The limit of kernel memory: kernels since 5.16 have none, so "unlimited" asks for nothing.

    Nor does one that is not below the limit of all memory, which kernel memory counts to (cgroup-v1/memory.rst, 2.7.3).
    """
    if asked is None or asked <= 0:
        return None
    return None if limit is not None and 0 < limit <= asked else asked


def _cpu(asked: spec.Cpu) -> Cpu:
    quota = asked.quota or None
    return Cpu(
        shares=asked.shares or None,
        quota=UNLIMITED if quota is not None and quota < 0 else quota,
        burst=asked.burst,
        period=asked.period or None,
        realtime_runtime=asked.realtime_runtime or None,
        realtime_period=asked.realtime_period or None,
        idle=asked.idle,
    )


def _tasks(limit: int | None) -> int | None:
    if limit is None:
        return None
    return UNLIMITED if limit < 0 else max(limit, 1)


def _block_io(asked: spec.BlockIo) -> BlockIo:
    devices = tuple(
        WeightDevice(_device_name(item), item.weight or None, item.leaf_weight or None) for item in asked.weight_device
    )
    return BlockIo(asked.weight or None, asked.leaf_weight or None, devices, tuple(_throttles(asked)))


def _throttles(asked: spec.BlockIo) -> Iterator[Throttle]:
    for kind, devices in (
        ("rbps", asked.throttle_read_bps_device),
        ("wbps", asked.throttle_write_bps_device),
        ("riops", asked.throttle_read_iops_device),
        ("wiops", asked.throttle_write_iops_device),
    ):
        for item in devices:
            yield Throttle(kind, _device_name(item), item.rate)


def _device_name(item: spec.WeightDevice | spec.ThrottleDevice) -> str:
    return f"{item.major}:{item.minor}"


def _device(asked: spec.DeviceRule) -> Iterator[DeviceRule]:
    """Yield one rule; a rule for "all" that names a number or an access becomes one for each kind, as in crun.

    The kernel would take "a" with whatever follows as "everything" (devices.rst).
    """
    wanted = "rwm" if not asked.access or "a" in asked.access else asked.access
    access = "".join(letter for letter in "rwm" if letter in wanted)
    numbers = (_wild(asked.major), _wild(asked.minor))
    if asked.type in (None, "a") and numbers == (None, None) and access == "rwm":
        yield DeviceRule(asked.allow)
        return
    for kind in _BOTH_KINDS if asked.type in (None, "a") else (asked.type,):
        yield DeviceRule(asked.allow, kind, *numbers, access)


def _wild(number: int | None) -> int | None:
    return None if number is None or number < 0 else number
