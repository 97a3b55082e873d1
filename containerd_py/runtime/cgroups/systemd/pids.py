"""TasksMax."""

from __future__ import annotations

from containerd_py.runtime.cgroups.systemd.property import limit

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from containerd_py.runtime.cgroups.resources import Read, Resources
    from containerd_py.runtime.cgroups.systemd.property import Property, Target


def properties(resources: Resources, _target: Target, _read: Read) -> Iterator[Property]:
    if resources.pids_limit is not None:
        yield limit("TasksMax", resources.pids_limit, "linux.resources.pids.limit")
