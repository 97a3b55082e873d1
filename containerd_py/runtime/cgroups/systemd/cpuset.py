"""AllowedCPUs, AllowedMemoryNodes: of cgroup v2 only."""

from __future__ import annotations

from containerd_py.runtime.cgroups.systemd.property import Property
from containerd_py.runtime.spec.number_list import parse_number_list

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from containerd_py.runtime.cgroups.resources import Read, Resources
    from containerd_py.runtime.cgroups.systemd.property import Target

_ASKED_BY = "linux.resources.cpu"


def properties(resources: Resources, target: Target, _read: Read) -> Iterator[Property]:
    if not target.unified:
        return
    for name, field, listed in (
        ("AllowedCPUs", "cpus", resources.cpuset.cpus),
        ("AllowedMemoryNodes", "mems", resources.cpuset.mems),
    ):
        if listed is not None:
            yield Property(name, "ay", mask(listed), f"{_ASKED_BY}.{field}")


def mask(listed: str) -> bytes:
    """Return the numbers of a list as systemd takes them: bit N of the string of bytes, the lowest first, is number N."""
    found = 0
    for number in parse_number_list(listed):
        found |= 1 << number
    return found.to_bytes(-(-found.bit_length() // 8), "little")
