"""How a process is scheduled (sched_setattr(2), ioprio_set(2), sched_setaffinity(2))."""

from __future__ import annotations

from containerd_py.runtime.spec.number_list import parse_number_list
from containerd_py.runtime.spec.validate.problem import Problem

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from containerd_py.runtime.spec.process import Process, Scheduler

_WITH_PRIORITY = ("SCHED_FIFO", "SCHED_RR")
_SHORTEST_NS = 1024  # DL_SCALE: the resolution of deadline scheduling
_LONGEST_NS = 2**63 - 1


def scheduler_problems(process: Process) -> Iterator[Problem]:
    """A nice value beside a policy that has none is let through: the kernel keeps it, and documents of runc have it."""
    scheduler, where = process.scheduler, "process.scheduler"
    if scheduler is None:
        return
    if scheduler.policy == "SCHED_ISO":
        yield Problem(f"{where}.policy", "SCHED_ISO is reserved: no Linux implements it", supported=False)
    if scheduler.priority and scheduler.policy not in _WITH_PRIORITY:
        yield Problem(f"{where}.priority", f"{scheduler.policy} has no priority")
    if not scheduler.priority and scheduler.policy in _WITH_PRIORITY:
        yield Problem(f"{where}.priority", f"{scheduler.policy} needs one from 1 to 99")
    yield from _deadline(scheduler, where)


def _deadline(scheduler: Scheduler, where: str) -> Iterator[Problem]:
    given = {name: getattr(scheduler, name) or 0 for name in ("runtime", "deadline", "period")}
    if scheduler.policy != "SCHED_DEADLINE":
        for name in (name for name, value in given.items() if value):
            yield Problem(f"{where}.{name}", f"{scheduler.policy} has no {name}")
        return
    runtime, deadline, period = given["runtime"], given["deadline"], given["period"] or given["deadline"]
    if runtime < _SHORTEST_NS:
        yield Problem(f"{where}.runtime", f"SCHED_DEADLINE needs {_SHORTEST_NS} ns at least")
    if not runtime <= deadline <= period:
        yield Problem(where, "must have runtime <= deadline <= period")
    for name in (name for name, value in given.items() if value > _LONGEST_NS):
        yield Problem(f"{where}.{name}", f"is above {_LONGEST_NS} ns")


def affinity_problems(process: Process) -> Iterator[Problem]:
    affinity = process.exec_cpu_affinity
    if affinity is None:
        return
    for name in ("initial", "final"):
        text = getattr(affinity, name)
        try:
            parse_number_list(text or "0")
        except ValueError as problem:
            yield Problem(f"process.execCPUAffinity.{name}", str(problem))
