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
_TOLD = "sched_setattr: `SCHED_DEADLINE`"  # as crun tells of it, after the kernel's mere EINVAL


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
    for name in ("runtime", "deadline"):
        if getattr(scheduler, name) is None:
            yield Problem(f"{where}.{name}", f"{_TOLD} requires `{name}`")
            return
    if not given["runtime"]:
        yield Problem(f"{where}.runtime", f"{_TOLD} runtime must be greater than 0")
        return
    for name, other in (("runtime", "deadline"), ("deadline", "period")):
        value, most = given[name], given[other]
        if value > most and (most or other != "period"):  # no period: the kernel takes the deadline
            yield Problem(f"{where}.{name}", f"{_TOLD} {name} ({value}) must be <= {other} ({most})")
    for name, value in given.items():
        if value and not _SHORTEST_NS <= value <= _LONGEST_NS:
            between = f"must be between {_SHORTEST_NS} and {_LONGEST_NS}"
            yield Problem(f"{where}.{name}", f"{_TOLD} {name} ({value}) {between}")


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
