"""Where a worker waits for systemd to have put it into its cgroup: as late as can be, since both are at work meanwhile."""

from __future__ import annotations

from containerd_py.errors import NotSupported
from containerd_py.runtime.plan import operations as op
from containerd_py.runtime.plan.compiler.namespaces import namespaces, new_namespaces

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from containerd_py.runtime.plan.compiler.placing import Placing
    from containerd_py.runtime.plan.operations import Operation
    from containerd_py.runtime.plan.plan import Source
    from containerd_py.runtime.spec.models import Spec


def as_member(steps: Iterable[Operation], spec: Spec, placing: Placing) -> Iterator[Operation]:
    """Yield the steps, and the waiting before the first of them that needs the cgroup; the pivot at the latest.

    The cgroup namespace is made then: its root is the cgroup that the process is in (cgroup_namespaces(7)).
    """
    waits = bool(placing.scope)
    places = _places(placing)
    for step in steps:
        if waits and _needs_cgroup(step, places):
            waits = False
            yield op.AwaitMembership(placing.scope)
            if "cgroup" in new_namespaces(spec):
                yield op.UnshareCgroup(origin=namespaces(spec)["cgroup"])
        yield step


def check_sources(sources: Iterable[Source], placing: Placing) -> None:
    """Raises NotSupported for a cgroup that the parent would have to open before there is a process to make it for."""
    for source in sources:
        if placing.scope and source.path in _places(placing):
            raise NotSupported(
                f"cannot mount cgroups ({source.origin}.type): with a user namespace they are needed before there are any",
                step="validate",
                hint="give the container a cgroup namespace",
            )


def _needs_cgroup(step: Operation, places: frozenset[str]) -> bool:
    match step:
        case op.CloneTree():
            return step.source in places
        case op.MountFilesystem():
            return step.fstype in ("cgroup", "cgroup2")
        case _:
            return isinstance(step, (op.AwaitParent, op.RunHooks, op.PivotRoot, op.MoveRoot))


def _places(placing: Placing) -> frozenset[str]:
    v2 = placing.cgroups.v2
    return frozenset((*([v2] if v2 else []), *(hierarchy.path for hierarchy in placing.cgroups.v1)))
