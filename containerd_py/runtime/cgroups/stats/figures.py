"""What a container uses, the same whichever hierarchy tells it. Sizes are bytes; no limit is None."""

from __future__ import annotations

from containerd_py.light.dataclasses import dataclass, field
from containerd_py.runtime.cgroups.stats import document

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


@dataclass(frozen=True)
class Stall:
    """Percentages of the last 10, 60 and 300 seconds, and the total in microseconds (Documentation/accounting/psi.rst)."""

    avg10: float = 0.0
    avg60: float = 0.0
    avg300: float = 0.0
    total_us: int = 0


@dataclass(frozen=True)
class Pressure:
    """some: at least one process waited; full: all did."""

    some: Stall = Stall()
    full: Stall = Stall()


@dataclass(frozen=True)
class Cpu:
    """The tuples hold one value for each CPU, and are empty where the kernel does not tell (cgroup v2)."""

    usage_ns: int = 0
    user_ns: int = 0
    kernel_ns: int = 0
    per_cpu_ns: tuple[int, ...] = ()
    per_cpu_user_ns: tuple[int, ...] = ()
    per_cpu_kernel_ns: tuple[int, ...] = ()
    periods: int = 0
    throttled_periods: int = 0
    throttled_ns: int = 0
    pressure: Pressure | None = None


@dataclass(frozen=True)
class Usage:
    """failures: how often the limit was hit."""

    usage: int = 0
    limit: int | None = None
    peak: int = 0
    failures: int = 0


@dataclass(frozen=True)
class Memory:
    """swap: memory and swap together. file: the cache without shared memory; raw: all of memory.stat."""

    usage: Usage = Usage()
    swap: Usage = Usage()
    kernel: Usage = Usage()
    kernel_tcp: Usage = Usage()
    cache: int = 0
    anon: int = 0
    file: int = 0
    oom_kills: int = 0
    raw: dict[str, int] = field(default_factory=dict)
    pressure: Pressure | None = None


@dataclass(frozen=True)
class Pids:
    current: int = 0
    limit: int | None = None


@dataclass(frozen=True)
class BlockEntry:
    """op: "Read", "Write" and so on."""

    major: int
    minor: int
    op: str
    value: int


@dataclass(frozen=True)
class BlockIo:
    bytes: tuple[BlockEntry, ...] = ()
    operations: tuple[BlockEntry, ...] = ()
    pressure: Pressure | None = None


@dataclass(frozen=True)
class CpuSet:
    """cpus, mems: those that it may use; switches: cgroup v1's control files of one number, without `cpuset.` before."""

    cpus: tuple[int, ...] = ()
    mems: tuple[int, ...] = ()
    switches: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Rdma:
    handles: int
    objects: int
    handles_limit: int | None
    objects_limit: int | None


@dataclass(frozen=True)
class Stats:
    """A part whose controller the container has not joined is as empty as a new cgroup. hugetlb: by page size."""

    cpu: Cpu = Cpu()
    memory: Memory = field(default_factory=Memory)
    pids: Pids = Pids()
    block_io: BlockIo = BlockIo()
    hugetlb: dict[str, Usage] = field(default_factory=dict)
    rdma: dict[str, Rdma] = field(default_factory=dict)
    cpuset: CpuSet = field(default_factory=CpuSet)

    def document(self) -> dict[str, Any]:
        """Return JSON values as `runc events --stats` prints them: see `document`."""
        return document.document(self)
