"""Whether an init process of ours goes with the rest."""

from __future__ import annotations

from containerd_py.runtime.spec.defaults import INIT_ANNOTATION
from containerd_py.runtime.spec.validate.problem import Problem

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from containerd_py.runtime.spec.models import Spec

_NO_CHILD = "the payload is a child of init, which this does not reach"


def init_problems(spec: Spec) -> Iterator[Problem]:
    asked = spec.annotations.get(INIT_ANNOTATION, "false")
    if asked not in ("true", "false"):
        yield Problem(f"annotations.{INIT_ANNOTATION}", f"must be 'true' or 'false', not {asked!r}")
    scheduler = None if spec.process is None else spec.process.scheduler
    if asked != "true" or scheduler is None:
        return
    if scheduler.policy == "SCHED_DEADLINE":
        yield Problem("process.scheduler.policy", f"SCHED_DEADLINE: {_NO_CHILD}", supported=False)
    if "SCHED_FLAG_RESET_ON_FORK" in scheduler.flags:
        yield Problem("process.scheduler.flags", f"SCHED_FLAG_RESET_ON_FORK: {_NO_CHILD}", supported=False)
