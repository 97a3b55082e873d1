"""Plans of workers that look at, read or write files of a container (ADR 14)."""

from __future__ import annotations

from containerd_py.light.dataclasses import dataclass
from containerd_py.runtime.plan import operations as op
from containerd_py.runtime.plan.compiler.namespaces import joined_namespaces, namespaces, user_mapping
from containerd_py.runtime.plan.compiler.process import capability_mask
from containerd_py.runtime.plan.plan import Plan

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from containerd_py.runtime.plan.operations import Operation
    from containerd_py.runtime.spec.models import Spec

_MEMORY_BYTES = 512 << 20
_RLIMIT_AS = 9  # asm-generic/resource.h
_READING = ("CAP_DAC_READ_SEARCH",)
_WRITING = ("CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FOWNER", "CAP_FSETID")
_AS_THE_CONTAINER = ("CAP_MKNOD", "CAP_SETFCAP")
"""Given where the container itself may have them: devices, and capabilities of files."""


@dataclass(frozen=True)
class Standpoint:
    """Where such a worker stands.

    inside: in the mount namespace of a container that lives; else at its root file system, passed as handle "root".
    joined: in the container's user namespace already; else it makes one with the same ids, where the container has one.
    v1_cgroups: how many of the container's cgroups it joins; may_drop_groups: as in `Placing`.
    """

    container_id: str
    inside: bool
    joined: bool
    v1_cgroups: int
    may_drop_groups: bool = True


def compile_archive(spec: Spec, task: Operation, standpoint: Standpoint) -> Plan:
    """Return the Plan of a worker that does `task` (an operation of `operations.archive`) and ends.

    Without a mount namespace there are no mounts: what they would hide can neither be read nor written.
    """
    covered = () if standpoint.inside else tuple(mount.destination for mount in spec.mounts)
    root = op.EnterRoot() if standpoint.inside else op.TakeRoot(covered)
    return _plan(spec, root, task, _capabilities(spec, task, standpoint), standpoint)


def compile_export(spec: Spec, standpoint: Standpoint) -> Plan:
    """Return the Plan of a worker that packs the root file system without what is mounted on it."""
    return _plan(spec, op.TakeRoot(), op.PackPath("/."), _READING, standpoint)


def compile_comparison(container_id: str, lowers: int, namespace: str) -> Plan:
    """Return the Plan of a worker that compares layers: those of the host's, so it is in no user namespace.

    The marks of an overlay are read by the host's root only, where they are not the user's.
    """
    rights = (*_READING, "CAP_SYS_ADMIN") if namespace == "trusted" else _READING
    steps = (
        op.ResetProcess(f"_ses.{container_id}"),
        *_confinement(rights),
        op.CompareLayers(lowers, namespace),
    )
    return Plan(namespaces=(), operations=steps)


def _plan(spec: Spec, root: Operation, task: Operation, rights: tuple[str, ...], standpoint: Standpoint) -> Plan:
    user = "user" in namespaces(spec)
    own = user and not standpoint.joined
    steps: list[Operation] = [
        *([op.JoinCgroup(standpoint.v1_cgroups)] if standpoint.v1_cgroups else []),
        *([op.BecomeRoot(standpoint.may_drop_groups)] if user else []),
        op.ResetProcess(f"_ses.{standpoint.container_id}"),
        root,
        *_confinement(rights),
        task,
    ]
    mapping = user_mapping(spec) if own else None
    joined = tuple(join for join in joined_namespaces(spec) if join.kind == "user") if own else ()
    return Plan(("user",) if mapping else (), tuple(steps), joined, mapping)


def _confinement(rights: tuple[str, ...]) -> Iterator[Operation]:
    """The memory, since a hostile archive may ask for any; the capabilities, since a hostile tree may lead anywhere."""
    mask = capability_mask(rights)
    yield op.SetRlimit("RLIMIT_AS", _RLIMIT_AS, _MEMORY_BYTES, _MEMORY_BYTES)
    yield op.LimitBounding(mask)
    yield op.SetCapabilities(mask, mask, 0, 0)
    yield op.SetNoNewPrivs()


def _capabilities(spec: Spec, task: Operation, standpoint: Standpoint) -> tuple[str, ...]:
    """Devices only where the container's own device rules hold for the worker: in its cgroup."""
    if not isinstance(task, op.UnpackArchive):
        return _READING
    process = spec.process
    allowed: tuple[str, ...] = _AS_THE_CONTAINER
    if process is not None and process.capabilities is not None:
        allowed = tuple(name for name in _AS_THE_CONTAINER if name in process.capabilities.bounding)
    if not standpoint.inside:
        allowed = tuple(name for name in allowed if name != "CAP_MKNOD")
    return (*_WRITING, *allowed)
