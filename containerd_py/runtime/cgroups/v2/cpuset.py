"""The cpuset controller (Documentation/admin-guide/cgroup-v2.rst, "Cpuset Interface Files"). An empty list inherits."""

from __future__ import annotations

from containerd_py.runtime.cgroups.resources import FileValue

TYPE_CHECKING = False
if TYPE_CHECKING:
    from containerd_py.runtime.cgroups.resources import Read, Resources


def values(resources: Resources, _read: Read) -> tuple[FileValue, ...]:
    asked = (("cpuset.cpus", resources.cpuset.cpus), ("cpuset.mems", resources.cpuset.mems))
    return tuple(FileValue(name, value) for name, value in asked if value is not None)
