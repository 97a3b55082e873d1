"""The hugetlb controller (Documentation/admin-guide/cgroup-v2.rst, "HugeTLB Interface Files")."""

from __future__ import annotations

from containerd_py.runtime.cgroups.resources import FileValue

TYPE_CHECKING = False
if TYPE_CHECKING:
    from containerd_py.runtime.cgroups.resources import Read, Resources


def values(resources: Resources, _read: Read) -> tuple[FileValue, ...]:
    """Both the faults and the reservations (Linux 5.7), as the specification asks ("Huge page limits")."""
    return tuple(
        FileValue(
            f"hugetlb.{item.page_size}{part}.max",
            str(item.limit),
            optional=bool(part),
            place=f"linux.resources.hugepageLimits.{index}.pageSize",
        )
        for index, item in enumerate(resources.hugepages)
        for part in ("", ".rsvd")
    )
