"""The net_prio controller (Documentation/admin-guide/cgroup-v1/net_prio.rst)."""

from __future__ import annotations

from containerd_py.runtime.cgroups.resources import FileValue

TYPE_CHECKING = False
if TYPE_CHECKING:
    from containerd_py.runtime.cgroups.resources import Read, Resources


def values(resources: Resources, _read: Read) -> tuple[FileValue, ...]:
    """The interfaces are those of the network namespace of the one who writes."""
    return tuple(FileValue("net_prio.ifpriomap", f"{name} {priority}") for name, priority in resources.net_priorities)
