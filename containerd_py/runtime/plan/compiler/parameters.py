"""What the container's namespaces are told: kernel parameters, clocks."""

from __future__ import annotations

from containerd_py.runtime.plan import operations as op
from containerd_py.runtime.spec.sysctl import sysctl_path

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from containerd_py.runtime.plan.operations import Operation
    from containerd_py.runtime.spec.linux import Linux


def sysctl_steps(linux: Linux) -> Iterator[Operation]:
    """The domain name has a call of its own, which root of a user namespace may make; its file is the host's root's."""
    for key, value in (linux.sysctl or {}).items():
        path, origin = sysctl_path(key), f"linux.sysctl.{key}"
        if path == "kernel/domainname":
            yield op.SetDomainname(value, origin=origin)
        else:
            yield op.SetSysctl(path, value, origin=origin)


def time_offsets(linux: Linux) -> str:
    """Return the lines for timens_offsets (time_namespaces(7)), "" without any."""
    offsets = linux.time_offsets
    if offsets is None:
        return ""
    clocks = (("monotonic", offsets.monotonic), ("boottime", offsets.boottime))
    return "".join(f"{name} {offset.secs} {offset.nanosecs}\n" for name, offset in clocks if offset is not None)
