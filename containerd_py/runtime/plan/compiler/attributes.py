"""Attributes of a process, a container's first or one that enters it: limits, scheduling, memory, labels."""

from __future__ import annotations

from containerd_py.runtime.plan import operations as op
from containerd_py.runtime.spec.number_list import parse_number_list

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from containerd_py.runtime.plan.operations import Operation
    from containerd_py.runtime.spec.linux import Linux, MemoryPolicy
    from containerd_py.runtime.spec.process import Process, Scheduler

# asm-generic/resource.h, equal on x86 and ARM
_RLIMITS = {
    "RLIMIT_CPU": 0,
    "RLIMIT_FSIZE": 1,
    "RLIMIT_DATA": 2,
    "RLIMIT_STACK": 3,
    "RLIMIT_CORE": 4,
    "RLIMIT_RSS": 5,
    "RLIMIT_NPROC": 6,
    "RLIMIT_NOFILE": 7,
    "RLIMIT_MEMLOCK": 8,
    "RLIMIT_AS": 9,
    "RLIMIT_LOCKS": 10,
    "RLIMIT_SIGPENDING": 11,
    "RLIMIT_MSGQUEUE": 12,
    "RLIMIT_NICE": 13,
    "RLIMIT_RTPRIO": 14,
    "RLIMIT_RTTIME": 15,
}
_UNLIMITED = 2**64 - 1
_DESCRIPTORS = "RLIMIT_NOFILE"
_WORKERS_DESCRIPTORS = 64
"""What suffices for all that the worker opens after its limits are set: hooks, a passwd file, the start socket."""
# linux/sched.h
_POLICIES = {
    "SCHED_OTHER": 0,
    "SCHED_FIFO": 1,
    "SCHED_RR": 2,
    "SCHED_BATCH": 3,
    "SCHED_IDLE": 5,
    "SCHED_DEADLINE": 6,
    "SCHED_EXT": 7,
}
_SCHEDULER_FLAGS = {
    "SCHED_FLAG_RESET_ON_FORK": 0x01,
    "SCHED_FLAG_RECLAIM": 0x02,
    "SCHED_FLAG_DL_OVERRUN": 0x04,
    "SCHED_FLAG_KEEP_POLICY": 0x08,
    "SCHED_FLAG_KEEP_PARAMS": 0x10,
    "SCHED_FLAG_UTIL_CLAMP_MIN": 0x20,
    "SCHED_FLAG_UTIL_CLAMP_MAX": 0x40,
}
_IO_CLASSES = {"IOPRIO_CLASS_RT": 1, "IOPRIO_CLASS_BE": 2, "IOPRIO_CLASS_IDLE": 3}  # linux/ioprio.h
# linux/mempolicy.h
_MEMORY_MODES = {
    "MPOL_DEFAULT": 0,
    "MPOL_PREFERRED": 1,
    "MPOL_BIND": 2,
    "MPOL_INTERLEAVE": 3,
    "MPOL_LOCAL": 4,
    "MPOL_PREFERRED_MANY": 5,
    "MPOL_WEIGHTED_INTERLEAVE": 6,
}
_MEMORY_FLAGS = {"MPOL_F_NUMA_BALANCING": 1 << 13, "MPOL_F_RELATIVE_NODES": 1 << 14, "MPOL_F_STATIC_NODES": 1 << 15}
_PERSONAS = {"LINUX": 0x0, "LINUX32": 0x8}  # linux/personality.h


def procfs_steps(process: Process, *, sysctl: bool) -> Iterator[Operation]:
    """Open a procfs where something is written there; before the root is entered, where the host's own may be needed."""
    labelled = process.apparmor_profile or process.selinux_label
    if process.oom_score_adj is not None or labelled or sysctl:
        yield op.OpenProcfs()


def attribute_steps(process: Process, linux: Linux) -> Iterator[Operation]:
    """While the worker may still do all this. Limits come late: what stands before them opens files."""
    if process.oom_score_adj is not None:
        yield op.SetOomScoreAdj(process.oom_score_adj, origin="process.oomScoreAdj")
    if linux.memory_policy is not None:
        yield _memory_policy(linux.memory_policy)
    if linux.personality is not None:
        domain = linux.personality.domain
        yield op.SetPersonality(domain, _PERSONAS[domain], origin="linux.personality.domain")
    if process.apparmor_profile:
        yield op.SetAppArmorProfile(process.apparmor_profile, origin="process.apparmorProfile")
    if process.selinux_label:
        yield op.SetSelinuxLabel(process.selinux_label, origin="process.selinuxLabel")
    if process.io_priority is not None:
        name = process.io_priority.class_
        yield op.SetIoPriority(name, _IO_CLASSES[name], process.io_priority.priority, origin="process.ioPriority")
    yield from _limits(process)
    if process.scheduler is not None:
        yield _scheduler(process.scheduler)


def initial_affinity_steps(process: Process) -> Iterator[Operation]:
    """For a process that enters a container, before it joins the cgroup."""
    affinity = process.exec_cpu_affinity
    yield from _affinity(affinity.initial if affinity else None, "initial")


def final_affinity_steps(process: Process) -> Iterator[Operation]:
    """For a process that has joined the cgroup and was reset to all CPUs of its cpuset."""
    affinity = process.exec_cpu_affinity
    if affinity is not None and affinity.final:
        yield from _affinity(affinity.final, "final")
    else:
        yield from initial_affinity_steps(process)


def _affinity(cpus: str | None, name: str) -> Iterator[Operation]:
    if cpus:
        yield op.SetAffinity(parse_number_list(cpus), origin=f"process.execCPUAffinity.{name}")


def _limits(process: Process) -> Iterator[Operation]:
    for index, limit in enumerate(process.rlimits):
        least = _WORKERS_DESCRIPTORS if limit.type == _DESCRIPTORS else 0
        soft, hard = (_limit(max(value, least)) for value in (limit.soft, limit.hard))
        yield op.SetRlimit(limit.type, _RLIMITS[limit.type], soft, hard, origin=f"process.rlimits.{index}")


def final_descriptors(process: Process) -> tuple[int, int] | None:
    """Return the soft and hard limit of descriptors that comes last, since the worker could open nothing with it."""
    for limit in process.rlimits:
        if limit.type == _DESCRIPTORS and min(limit.soft, limit.hard) < _WORKERS_DESCRIPTORS:
            return _limit(limit.soft), _limit(limit.hard)
    return None


def _limit(value: int) -> int:
    return -1 if value == _UNLIMITED else value


def _memory_policy(policy: MemoryPolicy) -> Operation:
    mode = _MEMORY_MODES[policy.mode] | sum(_MEMORY_FLAGS[flag] for flag in set(policy.flags))
    nodes = sum(1 << node for node in parse_number_list(policy.nodes)) if policy.nodes else 0
    return op.SetMemoryPolicy(policy.mode, mode, nodes, origin="linux.memoryPolicy")


def _scheduler(scheduler: Scheduler) -> Operation:
    return op.SetScheduler(
        name=scheduler.policy,
        policy=_POLICIES[scheduler.policy],
        flags=sum(_SCHEDULER_FLAGS[flag] for flag in set(scheduler.flags)),
        nice=scheduler.nice or 0,
        priority=scheduler.priority or 0,
        runtime_ns=scheduler.runtime or 0,
        deadline_ns=scheduler.deadline or 0,
        period_ns=scheduler.period or 0,
        origin="process.scheduler",
    )
