"""The pids controller (Documentation/admin-guide/cgroup-v1/pids.rst)."""

from __future__ import annotations

from containerd_py.runtime.cgroups.resources import FileValue, Resources


def values(resources: Resources) -> tuple[FileValue, ...]:
    if resources.pids_limit is None:
        return ()
    return (FileValue("pids.max", str(resources.pids_limit) if resources.pids_limit >= 0 else "max"),)
