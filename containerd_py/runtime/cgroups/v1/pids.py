"""The pids controller (Documentation/admin-guide/cgroup-v1/pids.rst)."""

from __future__ import annotations

from containerd_py.runtime.cgroups.resources import FileValue

TYPE_CHECKING = False
if TYPE_CHECKING:
    from containerd_py.runtime.cgroups.resources import Read, Resources


def values(resources: Resources, _read: Read) -> tuple[FileValue, ...]:
    limit = resources.pids_limit
    if limit is None:
        return ()
    return (FileValue("pids.max", str(limit) if limit >= 0 else "max"),)
