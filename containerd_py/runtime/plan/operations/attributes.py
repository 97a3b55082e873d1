"""Attributes of a process that say what it gets of the machine: limits, scheduling, memory, its chance to be killed."""

from __future__ import annotations

from containerd_py.light.dataclasses import dataclass
from containerd_py.runtime.plan.operations.base import Operation

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import ClassVar


@dataclass(frozen=True)
class SetRlimit(Operation):
    """resource: RLIMIT_* as a number; soft, hard: -1 is unlimited."""

    step: ClassVar[str] = "rlimit"
    name: str
    resource: int
    soft: int
    hard: int

    def describe(self) -> str:
        return f"limit {self.name} to {self.soft} (hard {self.hard})"


@dataclass(frozen=True)
class SetOomScoreAdj(Operation):
    """Needs `OpenProcfs`. Where the value is what it is already, nothing is written: the parent may have done it."""

    step: ClassVar[str] = "oom_score_adj"
    value: int

    def describe(self) -> str:
        return f"set oom_score_adj to {self.value}"


@dataclass(frozen=True)
class SetScheduler(Operation):
    """policy, flags: SCHED_* and SCHED_FLAG_* as numbers, as in struct sched_attr; times in nanoseconds."""

    step: ClassVar[str] = "scheduler"
    name: str
    policy: int
    flags: int
    nice: int
    priority: int
    runtime_ns: int
    deadline_ns: int
    period_ns: int

    def describe(self) -> str:
        return f"set scheduling policy {self.name} (nice {self.nice}, priority {self.priority})"


@dataclass(frozen=True)
class SetIoPriority(Operation):
    """io_class: 1 real time, 2 best effort, 3 idle."""

    step: ClassVar[str] = "io_priority"
    name: str
    io_class: int
    priority: int

    def describe(self) -> str:
        return f"set I/O priority {self.name} {self.priority}"


@dataclass(frozen=True)
class SetMemoryPolicy(Operation):
    """mode: MPOL_* with its flags, as a number; nodes: NUMA nodes as a bit mask."""

    step: ClassVar[str] = "memory_policy"
    name: str
    mode: int
    nodes: int

    def describe(self) -> str:
        return f"set memory policy {self.name}" + (f" on nodes {self.nodes:#x}" if self.nodes else "")


@dataclass(frozen=True)
class SetPersonality(Operation):
    step: ClassVar[str] = "personality"
    name: str
    persona: int

    def describe(self) -> str:
        return f"set execution domain {self.name}"


@dataclass(frozen=True)
class SetAffinity(Operation):
    step: ClassVar[str] = "affinity"
    cpus: tuple[int, ...]

    def describe(self) -> str:
        return f"run on CPUs {','.join(map(str, self.cpus))}"
