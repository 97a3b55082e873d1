"""What the process gets of the machine: limits, scheduling, memory, its chance to be killed."""

from __future__ import annotations

import errno
import os
import resource

from containerd_py.runtime.init.steps import Context, StepFailed, executes
from containerd_py.runtime.linux import process, procfs, scheduling
from containerd_py.runtime.plan import operations as op

_OOM_SCORE_ADJ = "self/oom_score_adj"


@executes(op.SetRlimit)
def set_rlimit(_context: Context, step: op.SetRlimit) -> None:
    limit(step.resource, step.soft, step.hard)


def limit(kind: int, soft: int, hard: int) -> None:
    try:
        resource.setrlimit(kind, (soft, hard))
    except ValueError:  # how the standard library tells EPERM
        raise StepFailed(errno.EPERM, "above what this host allows") from None


@executes(op.SetOomScoreAdj)
def set_oom_score_adj(context: Context, step: op.SetOomScoreAdj) -> None:
    """In a user namespace it has been set before, where permitted: there the file is not ours to write (proc(5))."""
    if procfs.read(context.procfs_fd(), _OOM_SCORE_ADJ).strip() != str(step.value):
        procfs.write(context.procfs_fd(), _OOM_SCORE_ADJ, str(step.value))


@executes(op.SetScheduler)
def set_scheduler(_context: Context, step: op.SetScheduler) -> None:
    scheduling.sched_setattr(
        scheduling.SchedAttr(
            sched_policy=step.policy,
            sched_flags=step.flags,
            sched_nice=step.nice,
            sched_priority=step.priority,
            sched_runtime=step.runtime_ns,
            sched_deadline=step.deadline_ns,
            sched_period=step.period_ns,
        )
    )


@executes(op.SetIoPriority)
def set_io_priority(_context: Context, step: op.SetIoPriority) -> None:
    scheduling.ioprio_set(step.io_class, step.priority)


@executes(op.SetMemoryPolicy)
def set_memory_policy(_context: Context, step: op.SetMemoryPolicy) -> None:
    scheduling.set_mempolicy(step.mode, step.nodes)


@executes(op.SetPersonality)
def set_personality(_context: Context, step: op.SetPersonality) -> None:
    process.personality(step.persona)


@executes(op.SetAffinity)
def set_affinity(_context: Context, step: op.SetAffinity) -> None:
    os.sched_setaffinity(0, step.cpus)
