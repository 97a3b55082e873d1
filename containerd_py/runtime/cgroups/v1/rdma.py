"""The rdma controller (Documentation/admin-guide/cgroup-v1/rdma.rst; cgroup-v2.rst, "RDMA"): the same file in both."""

from __future__ import annotations

from containerd_py.runtime.cgroups.resources import FileValue

TYPE_CHECKING = False
if TYPE_CHECKING:
    from containerd_py.runtime.cgroups.resources import RdmaLimit, Read, Resources


def values(resources: Resources, _read: Read) -> tuple[FileValue, ...]:
    return tuple(FileValue("rdma.max", _line(item)) for item in resources.rdma)


def _line(item: RdmaLimit) -> str:
    limits = (("hca_handle", item.handles), ("hca_object", item.objects))
    return " ".join([item.device, *(f"{name}={limit}" for name, limit in limits if limit is not None)])
