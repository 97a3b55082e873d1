"""Which module turns resources into files, by the controller's name in `Resources.controllers()`, and its name in v2."""

from __future__ import annotations

from containerd_py.light.dataclasses import dataclass
from containerd_py.light.importlib import import_module

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from containerd_py.runtime.cgroups.resources import FileValue, Read, Resources

    Values = Callable[[Resources, Read], tuple[FileValue, ...]]


def _in(module: str) -> Values:
    """Return `values` of a module, which is imported when it is called first: most containers limit little."""

    def values(resources: Resources, read: Read) -> tuple[FileValue, ...]:
        found: Values = import_module(f"{__package__}.{module}").values
        return found(resources, read)

    return values


V1_CONTROLLERS: dict[str, Values] = {
    "pids": _in("v1.pids"),
    "memory": _in("v1.memory"),
    "cpu": _in("v1.cpu"),
    "cpuset": _in("v1.cpuset"),
    "blkio": _in("v1.blkio"),
    "devices": _in("v1.devices"),
    "hugetlb": _in("v1.hugetlb"),
    "net_cls": _in("v1.net_cls"),
    "net_prio": _in("v1.net_prio"),
    "rdma": _in("v1.rdma"),
}


@dataclass(frozen=True)
class Unified:
    """A controller of cgroup v2 and the name that it has there."""

    name: str
    values: Values


V2_CONTROLLERS: dict[str, Unified] = {
    "pids": Unified("pids", _in("v1.pids")),
    "memory": Unified("memory", _in("v2.memory")),
    "cpu": Unified("cpu", _in("v2.cpu")),
    "cpuset": Unified("cpuset", _in("v2.cpuset")),
    "blkio": Unified("io", _in("v2.io")),
    "hugetlb": Unified("hugetlb", _in("v2.hugetlb")),
    "rdma": Unified("rdma", _in("v1.rdma")),
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
