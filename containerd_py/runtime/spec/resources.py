"""`linux.resources` (config-linux.md, "Control groups"), and the same object alone: the file of `update`.

Here: types and ranges of single fields. What contradicts another field is found by `validate.resources`; what a limit of 0
or -1 means is decided by `runtime.cgroups.normalise`.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, ValidationError

from containerd_py.errors import InvalidArgument
from containerd_py.problems import describe
from containerd_py.runtime.spec.base import Many, Oci, Signed, Text, Unsigned

Bytes = Annotated[int, Field(ge=-1, le=2**63 - 1)]
"""A limit in bytes; -1 is none."""

Word = Annotated[int, Field(ge=0, le=2**32 - 1)]
Number = Annotated[int, Field(ge=0, le=2**32 - 1)]
"""A major or minor number that names one device."""

CpuList = Annotated[str, Field(pattern=r"^(\d+(-\d+(:\d+/\d+)?)?(,\d+(-\d+(:\d+/\d+)?)?)*)?$")]
"""CPUs or memory nodes as cpuset(7) lists them ("List format"): "0-3,7"."""


class Memory(Oci):
    limit: Bytes | None = None
    reservation: Bytes | None = None
    swap: Bytes | None = None
    kernel: Bytes | None = None
    kernel_tcp: Annotated[Bytes | None, Field(alias="kernelTCP")] = None
    swappiness: Annotated[int, Field(ge=0, le=100)] | None = None
    disable_oom_killer: Annotated[bool | None, Field(alias="disableOOMKiller")] = None
    use_hierarchy: bool | None = None
    check_before_update: bool | None = None


class Cpu(Oci):
    """quota, burst, period and both realtime fields are microseconds."""

    shares: Unsigned | None = None
    quota: Signed | None = None
    burst: Unsigned | None = None
    period: Unsigned | None = None
    realtime_runtime: Signed | None = None
    realtime_period: Unsigned | None = None
    cpus: CpuList | None = None
    mems: CpuList | None = None
    idle: Annotated[int, Field(ge=0, le=1)] | None = None


class Pids(Oci):
    limit: Signed | None = None


Weight = Annotated[int, Field(ge=0, le=1000)]
"""0 asks for nothing; the least weight is 10."""


class WeightDevice(Oci):
    major: Number
    minor: Number
    weight: Weight | None = None
    leaf_weight: Weight | None = None


class ThrottleDevice(Oci):
    """rate: bytes or operations a second; 0 is no limit."""

    major: Number
    minor: Number
    rate: Unsigned


class BlockIo(Oci):
    weight: Weight | None = None
    leaf_weight: Weight | None = None
    weight_device: Many[WeightDevice] = ()
    throttle_read_bps_device: Many[ThrottleDevice] = ()
    throttle_write_bps_device: Many[ThrottleDevice] = ()
    throttle_read_iops_device: Annotated[Many[ThrottleDevice], Field(alias="throttleReadIOPSDevice")] = ()
    throttle_write_iops_device: Annotated[Many[ThrottleDevice], Field(alias="throttleWriteIOPSDevice")] = ()


class HugepageLimit(Oci):
    page_size: Annotated[str, Field(pattern=r"^[1-9][0-9]*[KMG]B$")]
    limit: Unsigned


class InterfacePriority(Oci):
    name: Annotated[Text, Field(pattern=r"^[^\s/]{1,15}$")]
    priority: Word


class Network(Oci):
    class_id: Annotated[Word | None, Field(alias="classID")] = None
    priorities: Many[InterfacePriority] = ()


class Rdma(Oci):
    hca_handles: Word | None = None
    hca_objects: Word | None = None


class DeviceRule(Oci):
    """A line of the device controller's list; no type means all, no number (or -1) means any."""

    allow: bool
    type: Literal["a", "b", "c"] | None = None
    major: Signed | None = None
    minor: Signed | None = None
    access: Annotated[str, Field(pattern=r"^[rwm]{1,3}$")] | None = None


class Resources(Oci):
    """rdma: by the name of the device; unified: control files of cgroup v2 to what is written into them."""

    devices: Many[DeviceRule] = ()
    memory: Memory | None = None
    cpu: Cpu | None = None
    pids: Pids | None = None
    block_io: Annotated[BlockIo | None, Field(alias="blockIO")] = None
    hugepage_limits: Many[HugepageLimit] = ()
    network: Network | None = None
    rdma: dict[Annotated[str, Field(pattern=r"^[^\s/=]+$")], Rdma] = Field(default_factory=dict)
    unified: dict[Text, Text] = Field(default_factory=dict)


def parse_resources(document: object) -> Resources:
    """Read the JSON value of an update: {"memory": {"limit": 1048576}}, as `runc update --resources` takes it.

    Raises InvalidArgument naming the JSON path of each problem, five at most. `validate.resources.check` finds the rest.
    """
    try:
        return Resources.model_validate(document)
    except ValidationError as problem:
        raise InvalidArgument(f"cannot read resources: {describe(problem)}", step="parse") from problem
