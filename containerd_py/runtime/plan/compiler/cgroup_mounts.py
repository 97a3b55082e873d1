"""Mounts of type cgroup and cgroup2: the container's own part of the host's hierarchies, and no more.

With a cgroup namespace a new mount shows just that part (cgroup_namespaces(7)); without one it is bound.
"""

from __future__ import annotations

from containerd_py.errors import InvalidArgument, NotSupported
from containerd_py.light.dataclasses import replace
from containerd_py.runtime.linux.mounts import MountAttr
from containerd_py.runtime.plan import operations as op
from containerd_py.runtime.plan.compiler.mounts import Binding, Mounted, Mounting, attributes_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from containerd_py.runtime.plan.compiler.placing import Hierarchy
    from containerd_py.runtime.plan.compiler.surroundings import Surroundings
    from containerd_py.runtime.plan.operations import Operation

_KEYS = 10_000  # trees of one mount have the keys that follow this many times its own
_FRAME = MountAttr.NOSUID | MountAttr.NODEV | MountAttr.NOEXEC


def cgroups(mounting: Mounting, where: Surroundings) -> Mounted:
    """Return the mounts for one of the document; raises NotSupported where the container has no such cgroup."""
    if where.cgroups.shared:
        mounting = _readonly(mounting)
    if mounting.fstype == "cgroup" and where.cgroups.v1:
        return _v1(mounting, where)
    if where.cgroups.v2 is None:
        raise NotSupported(
            f"cannot mount {mounting.fstype} ({mounting.origin}.type): the container has no such cgroup on this host",
            step="validate",
        )
    return _v2(mounting, where, mounting.target, mounting.key)


def _readonly(mounting: Mounting) -> Mounting:
    """Whatever the document says: others are in that cgroup, whom the payload may see but not end."""
    options, flag = mounting.options, int(MountAttr.RDONLY)
    return replace(mounting, options=replace(options, add=options.add | flag, remove=options.remove & ~flag))


def _v2(mounting: Mounting, where: Surroundings, target: str, key: int) -> Mounted:
    options = mounting.options
    if where.own_cgroup:
        step = op.MountFilesystem(
            *("cgroup2", "cgroup2", target, options.data, attributes_of(options), options.propagation),
            origin=mounting.origin,
        )
        return Mounted((), (step,))
    return _bound(mounting, where.cgroups.v2 or "", target, key)


def _v1(mounting: Mounting, where: Surroundings) -> Mounted:
    """A tmpfs with a mount for each hierarchy, and names for controllers that share one; cgroup2 on `unified`."""
    options = mounting.options
    if options.data:
        raise InvalidArgument(
            f"cannot use mount option {options.data[0][0]!r} ({mounting.origin}.options): not an option of cgroups",
            step="validate",
        )
    mode = (("mode", "755"),)
    frame = op.MountFilesystem(
        *("tmpfs", "tmpfs", mounting.target, mode, int(_FRAME), options.propagation), origin=mounting.origin
    )
    parts = tuple(_hierarchies(mounting, where))
    readonly = attributes_of(options) & MountAttr.RDONLY
    return Mounted(
        bindings=tuple(binding for part in parts for binding in part.bindings),
        steps=(frame, *(step for part in parts for step in part.steps), *_links(mounting, where)),
        last=(op.Remount(mounting.target, int(readonly), origin=mounting.origin),) if readonly else (),
    )


def _hierarchies(mounting: Mounting, where: Surroundings) -> Iterator[Mounted]:
    first = _KEYS * (mounting.key + 1)
    for key, hierarchy in enumerate(where.cgroups.v1, first):
        target = f"{mounting.target}/{hierarchy.name}"
        if where.own_cgroup:
            yield Mounted((), (_fresh(mounting, hierarchy, target),))
        else:
            yield _bound(mounting, hierarchy.path, target, key)
    if where.cgroups.v2 is not None:
        yield _v2(mounting, where, f"{mounting.target}/unified", first + len(where.cgroups.v1))


def _fresh(mounting: Mounting, hierarchy: Hierarchy, target: str) -> Operation:
    options = mounting.options
    return op.MountFilesystem(
        *("cgroup", "cgroup", target, hierarchy.options, attributes_of(options), options.propagation),
        origin=mounting.origin,
    )


def _bound(mounting: Mounting, path: str, target: str, key: int) -> Mounted:
    options = mounting.options
    step = op.AttachTree(
        key=key,
        source=path,
        target=target,
        add=attributes_of(options),
        remove=options.remove,
        propagation=options.propagation,
        origin=mounting.origin,
    )
    return Mounted((Binding(key, path, recursive=False, origin=mounting.origin),), (step,))


def _links(mounting: Mounting, where: Surroundings) -> Iterator[Operation]:
    for hierarchy in where.cgroups.v1:
        if "," in hierarchy.name:
            for controller in hierarchy.name.split(","):
                yield op.MakeSymlink(f"{mounting.target}/{controller}", hierarchy.name, origin=mounting.origin)
