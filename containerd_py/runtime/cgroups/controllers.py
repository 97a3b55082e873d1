"""Which module turns resources into files, by the controller's name in `Resources.controllers()`, and its name in v2."""

from __future__ import annotations

from collections.abc import Callable

from containerd_py.light_dataclasses import dataclass
from containerd_py.runtime.cgroups.resources import FileValue, Read, Resources
from containerd_py.runtime.cgroups.v1 import blkio as v1_blkio
from containerd_py.runtime.cgroups.v1 import cpu as v1_cpu
from containerd_py.runtime.cgroups.v1 import cpuset as v1_cpuset
from containerd_py.runtime.cgroups.v1 import devices as v1_devices
from containerd_py.runtime.cgroups.v1 import hugetlb as v1_hugetlb
from containerd_py.runtime.cgroups.v1 import memory as v1_memory
from containerd_py.runtime.cgroups.v1 import net_cls as v1_net_cls
from containerd_py.runtime.cgroups.v1 import net_prio as v1_net_prio
from containerd_py.runtime.cgroups.v1 import pids, rdma
from containerd_py.runtime.cgroups.v2 import cpu as v2_cpu
from containerd_py.runtime.cgroups.v2 import cpuset as v2_cpuset
from containerd_py.runtime.cgroups.v2 import hugetlb as v2_hugetlb
from containerd_py.runtime.cgroups.v2 import io as v2_io
from containerd_py.runtime.cgroups.v2 import memory as v2_memory

Values = Callable[[Resources, Read], tuple[FileValue, ...]]

V1_CONTROLLERS: dict[str, Values] = {
    "pids": pids.values,
    "memory": v1_memory.values,
    "cpu": v1_cpu.values,
    "cpuset": v1_cpuset.values,
    "blkio": v1_blkio.values,
    "devices": v1_devices.values,
    "hugetlb": v1_hugetlb.values,
    "net_cls": v1_net_cls.values,
    "net_prio": v1_net_prio.values,
    "rdma": rdma.values,
}


@dataclass(frozen=True)
class Unified:
    """A controller of cgroup v2 and the name that it has there."""

    name: str
    values: Values


V2_CONTROLLERS: dict[str, Unified] = {
    "pids": Unified("pids", pids.values),
    "memory": Unified("memory", v2_memory.values),
    "cpu": Unified("cpu", v2_cpu.values),
    "cpuset": Unified("cpuset", v2_cpuset.values),
    "blkio": Unified("io", v2_io.values),
    "hugetlb": Unified("hugetlb", v2_hugetlb.values),
    "rdma": Unified("rdma", rdma.values),
}

ASKED_BY: dict[str, str] = {
    "pids": "linux.resources.pids",
    "memory": "linux.resources.memory",
    "cpu": "linux.resources.cpu",
    "cpuset": "linux.resources.cpu.cpus, linux.resources.cpu.mems",
    "blkio": "linux.resources.blockIO",
    "devices": "linux.resources.devices",
    "hugetlb": "linux.resources.hugepageLimits",
    "net_cls": "linux.resources.network.classID",
    "net_prio": "linux.resources.network.priorities",
    "rdma": "linux.resources.rdma",
}
"""The fields of an OCI document that are a controller's to enforce."""

UNIFIED = "linux.resources.unified"

V1_WITHOUT_LIMITS = ("cpuacct", "freezer")
"""Controllers of cgroup v1 that are joined for their figures, or to stop processes; cgroup v2 has both in its core."""
