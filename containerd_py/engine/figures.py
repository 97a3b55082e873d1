"""What a container uses, as it is shown: frozen, in bytes, nanoseconds and counts since its start. No limit is None."""

from __future__ import annotations

from typing import TYPE_CHECKING

from containerd_py.light.dataclasses import dataclass
from containerd_py.runtime.cgroups.stats.figures import Pressure, Stall

if TYPE_CHECKING:
    from datetime import datetime

    from containerd_py.runtime.cgroups.stats import Stats
    from containerd_py.runtime.cgroups.stats.figures import BlockEntry

__all__ = ["Figures", "Pressure", "Round", "Stall"]

_INACTIVE = ("total_inactive_file", "inactive_file")  # cgroup v1 and v2


@dataclass(frozen=True)
class Figures:
    """stats: as the cgroup tells them. cpu_percent: of one CPU, since the measurement before; None at the first."""

    id: str
    name: str
    time: datetime
    stats: Stats
    cpu_percent: float | None

    @property
    def working_set_bytes(self) -> int:
        """What cannot be given back at once: all but the cache of files that was not used lately, as Kubernetes has it."""
        memory = self.stats.memory
        inactive = next((memory.raw[name] for name in _INACTIVE if name in memory.raw), 0)
        return max(0, memory.usage.usage - inactive)

    @property
    def swap_bytes(self) -> int:
        """The cgroup tells memory and swap together."""
        memory = self.stats.memory
        return max(0, memory.swap.usage - memory.usage.usage)

    @property
    def pressures(self) -> tuple[Pressure | None, Pressure | None, Pressure | None]:
        """Of the CPU, of memory, of I/O."""
        return self.stats.cpu.pressure, self.stats.memory.pressure, self.stats.block_io.pressure

    def transferred_bytes(self, operation: str) -> int:
        """operation: "Read" or "Write"; of all devices."""
        return _sum(self.stats.block_io.bytes, operation)

    def transfers(self, operation: str) -> int:
        return _sum(self.stats.block_io.operations, operation)


@dataclass(frozen=True)
class Round:
    """The figures of several containers, taken together."""

    time: datetime
    containers: tuple[Figures, ...]


def _sum(entries: tuple[BlockEntry, ...], operation: str) -> int:
    return sum(entry.value for entry in entries if entry.op == operation)
