"""`linux.resources` (config-linux.md, "Control groups"), and the same object alone: the file of `update`.

Here: types and ranges of single fields. What contradicts another field is found by `validate.resources`; what a limit of 0
or -1 means is decided by `runtime.cgroups.normalise`.
"""

from __future__ import annotations

from containerd_py.runtime.spec.base import Oci, of
from containerd_py.runtime.spec.kinds import FLAG, SIGNED, TEXT, UNSIGNED, WORD, Integer, Letters, Many, OneOf, Table, Text

BYTES = Integer(-1, 2**63 - 1)
"""A limit in bytes; -1 is none."""

CPU_LIST = Text(r"([0-9]+(-[0-9]+(:[0-9]+/[0-9]+)?)?(,[0-9]+(-[0-9]+(:[0-9]+/[0-9]+)?)?)*)?")
"""CPUs or memory nodes as cpuset(7) lists them ("List format"): "0-3,7"."""


class Memory(Oci):
    limit: int | None = of(BYTES, default=None)
    reservation: int | None = of(BYTES, default=None)
    swap: int | None = of(BYTES, default=None)
    kernel: int | None = of(BYTES, default=None)
    kernel_tcp: int | None = of(BYTES, default=None, key="kernelTCP")
    swappiness: int | None = of(Integer(0, 100), default=None)
    disable_oom_killer: bool | None = of(FLAG, default=None, key="disableOOMKiller")
    use_hierarchy: bool | None = of(FLAG, default=None)
    check_before_update: bool | None = of(FLAG, default=None)


class Cpu(Oci):
    """quota, burst, period and both realtime fields are microseconds."""

    shares: int | None = of(UNSIGNED, default=None)
    quota: int | None = of(SIGNED, default=None)
    burst: int | None = of(UNSIGNED, default=None)
    period: int | None = of(UNSIGNED, default=None)
    realtime_runtime: int | None = of(SIGNED, default=None)
    realtime_period: int | None = of(UNSIGNED, default=None)
    cpus: str | None = of(CPU_LIST, default=None)
    mems: str | None = of(CPU_LIST, default=None)
    idle: int | None = of(Integer(0, 1), default=None)


class Pids(Oci):
    limit: int | None = of(SIGNED, default=None)


WEIGHT = Integer(0, 1000)
"""0 asks for nothing; the least weight is 10."""


class WeightDevice(Oci):
    major: int = of(WORD)
    minor: int = of(WORD)
    weight: int | None = of(WEIGHT, default=None)
    leaf_weight: int | None = of(WEIGHT, default=None)


class ThrottleDevice(Oci):
    """rate: bytes or operations a second; 0 is no limit."""

    major: int = of(WORD)
    minor: int = of(WORD)
    rate: int = of(UNSIGNED)


_THROTTLES = Many(ThrottleDevice)


class BlockIo(Oci):
    weight: int | None = of(WEIGHT, default=None)
    leaf_weight: int | None = of(WEIGHT, default=None)
    weight_device: tuple[WeightDevice, ...] = of(Many(WeightDevice), default=())
    throttle_read_bps_device: tuple[ThrottleDevice, ...] = of(_THROTTLES, default=())
    throttle_write_bps_device: tuple[ThrottleDevice, ...] = of(_THROTTLES, default=())
    throttle_read_iops_device: tuple[ThrottleDevice, ...] = of(
        Many(ThrottleDevice), default=(), key="throttleReadIOPSDevice"
    )
    throttle_write_iops_device: tuple[ThrottleDevice, ...] = of(
        Many(ThrottleDevice), default=(), key="throttleWriteIOPSDevice"
    )


class HugepageLimit(Oci):
    page_size: str = of(Text(r"[1-9][0-9]*[KMG]B"))
    limit: int = of(UNSIGNED)


class InterfacePriority(Oci):
    name: str = of(Text(r"[^\s/]{1,15}"))
    priority: int = of(WORD)


class Network(Oci):
    class_id: int | None = of(WORD, default=None, key="classID")
    priorities: tuple[InterfacePriority, ...] = of(Many(InterfacePriority), default=())


class Rdma(Oci):
    hca_handles: int | None = of(WORD, default=None)
    hca_objects: int | None = of(WORD, default=None)


class DeviceRule(Oci):
    """A line of the device controller's list; no type means all, no number (or -1) means any.

    access: "a", which runc takes and reads over, stands for all in what is denied; nothing is allowed by it (`validate`).
    """

    allow: bool = of(FLAG)
    type: str | None = of(OneOf(("a", "b", "c")), default=None)
    major: int | None = of(SIGNED, default=None)
    minor: int | None = of(SIGNED, default=None)
    access: str | None = of(Letters("rwm", "a"), default=None)


class Resources(Oci):
    """rdma: by the name of the device; unified: control files of cgroup v2 to what is written into them."""

    devices: tuple[DeviceRule, ...] = of(Many(DeviceRule), default=())
    memory: Memory | None = of(Memory, default=None)
    cpu: Cpu | None = of(Cpu, default=None)
    pids: Pids | None = of(Pids, default=None)
    block_io: BlockIo | None = of(BlockIo, default=None, key="blockIO")
    hugepage_limits: tuple[HugepageLimit, ...] = of(Many(HugepageLimit), default=())
    network: Network | None = of(Network, default=None)
    rdma: dict[str, Rdma] = of(Table(Text(r"[^\s/=]+"), Rdma), default={})
    unified: dict[str, str] = of(Table(TEXT, TEXT), default={})


def parse_resources(document: object, *, ignored: list[str] | None = None) -> Resources:
    """Read the JSON value of an update: {"memory": {"limit": 1048576}}, as `runc update --resources` takes it.

    Raises InvalidArgument naming the JSON path of each problem, five at most. `validate.resources.check` finds the rest.
    """
    return Resources.parse(document, what="resources", ignored=ignored)
