"""The net_cls controller (Documentation/admin-guide/cgroup-v1/net_cls.rst)."""

from __future__ import annotations

from containerd_py.runtime.cgroups.resources import FileValue

TYPE_CHECKING = False
if TYPE_CHECKING:
    from containerd_py.runtime.cgroups.resources import Read, Resources


def values(resources: Resources, _read: Read) -> tuple[FileValue, ...]:
    return () if resources.net_class is None else (FileValue("net_cls.classid", str(resources.net_class)),)
