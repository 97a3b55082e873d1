"""The cpuset controller (Documentation/admin-guide/cgroup-v1/cpusets.rst; cpuset(7))."""

from __future__ import annotations

from containerd_py.runtime.cgroups.resources import FileValue

TYPE_CHECKING = False
if TYPE_CHECKING:
    from containerd_py.runtime.cgroups.resources import Read, Resources

_FILES = ("cpus", "mems")


def values(resources: Resources, read: Read) -> tuple[FileValue, ...]:
    asked = (resources.cpuset.cpus, resources.cpuset.mems)
    return tuple(
        FileValue(_file(name, read), value) for name, value in zip(_FILES, asked, strict=True) if value is not None
    )


def inherited(read: Read, read_parent: Read) -> tuple[FileValue, ...]:
    """Return what a new cgroup takes over from its parent: with an empty list no process can enter it (ENOSPC)."""
    return tuple(
        FileValue(_file(name, read), read_parent(_file(name, read_parent)) or "")
        for name in _FILES
        if not read(_file(name, read))
    )


def _file(name: str, read: Read) -> str:
    """A hierarchy that was mounted with `noprefix` has "cpus" instead of "cpuset.cpus"."""
    return f"cpuset.{name}" if read(f"cpuset.{name}") is not None else name
