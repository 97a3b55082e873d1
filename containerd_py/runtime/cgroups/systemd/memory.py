"""MemoryMax, MemoryLow, MemorySwapMax."""

from __future__ import annotations

from containerd_py.runtime.cgroups.systemd.property import limit
from containerd_py.runtime.cgroups.v2.memory import swap_alone

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from containerd_py.runtime.cgroups.resources import Read, Resources
    from containerd_py.runtime.cgroups.systemd.property import Property, Target

_ASKED_BY = "linux.resources.memory"


def properties(resources: Resources, target: Target, read: Read) -> Iterator[Property]:
    """On cgroup v1 systemd knows of the limit alone: neither of a soft limit, nor of memory and swap together.

    There no limit of memory and swap can be below the one of memory, so that one has to go up first, by its file.
    """
    memory = resources.memory
    if memory.limit is not None:
        yield limit("MemoryMax", memory.limit, f"{_ASKED_BY}.limit")
    if not target.unified:
        return
    if memory.reservation is not None:
        yield limit("MemoryLow", memory.reservation, f"{_ASKED_BY}.reservation")
    swap = swap_alone(memory, read)
    if swap is not None:
        yield limit("MemorySwapMax", swap, f"{_ASKED_BY}.swap")
