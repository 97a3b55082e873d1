"""The root file system: its sources, its phases, and what protects it."""

from __future__ import annotations

from containerd_py.light.dataclasses import dataclass
from containerd_py.runtime.linux.mounts import MountAttr, Propagation
from containerd_py.runtime.plan import operations as op
from containerd_py.runtime.plan.compiler.cgroup_mounts import cgroups
from containerd_py.runtime.plan.compiler.devices import (
    device_bindings,
    device_steps,
    devices,
    link_steps,
    made_for,
    take_made,
)
from containerd_py.runtime.plan.compiler.mounts import (
    Binding,
    Mounted,
    Mounting,
    bound,
    filesystem,
    host_sysfs,
    mountings,
    remounted,
)
from containerd_py.runtime.plan.compiler.surroundings import surroundings
from containerd_py.runtime.plan.plan import Source
from containerd_py.runtime.spec.defaults import ROOTFS_ANNOTATION

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from containerd_py.runtime.plan.compiler.placing import Placing
    from containerd_py.runtime.plan.compiler.surroundings import Surroundings
    from containerd_py.runtime.plan.operations import Operation
    from containerd_py.runtime.spec.models import Spec

_PROPAGATION = {
    "private": Propagation.PRIVATE,
    "slave": Propagation.SLAVE,
    "shared": Propagation.SHARED,
    "unbindable": Propagation.UNBINDABLE,
}
_DEFAULT_PROPAGATION = "rslave"


@dataclass(frozen=True)
class RootFileSystem:
    """The phases of a root file system, in the order in which they are carried out.

    sources: what the parent clones before; take: of the host, into the worker's hands; build: with the host still there;
    protect: after the pivot.
    """

    sources: tuple[Source, ...]
    take: tuple[Operation, ...]
    build: tuple[Operation, ...]
    protect: tuple[Operation, ...]


def root_file_system(spec: Spec, placing: Placing) -> RootFileSystem:
    """Raises InvalidArgument, NotSupported for what only the host's side shows to be wrong."""
    where = surroundings(spec, placing)
    mounts = mountings(spec)
    made = tuple(_mounted(mounting, where, mounts[:index]) for index, mounting in enumerate(mounts))
    nodes = devices(spec, mounts)
    bindings = tuple(binding for one in made for binding in one.bindings)
    passed = tuple(one for one in bindings if one.mapped or (where.passing and not one.inside))
    taken = tuple(one for one in bindings if not (one.mapped or one.inside))
    made_nodes = made_for(nodes, where.mapping) if where.mapping is not None and placing.makes_nodes else ()
    propagation = _Propagation.of(spec)
    return RootFileSystem(
        sources=(*_root_source(placing, where), *(_source(one, propagation) for one in passed), *made_nodes),
        take=(
            *([propagation.before()] if where.own_mounts else []),
            *([op.CloneNull(origin="linux.maskedPaths")] if spec.linux.masked_paths else []),
            *(_clone(binding, passed=where.passing) for binding in taken),
            *(_clone(binding) for binding in (device_bindings(nodes, made_nodes) if where.bound_devices else ())),
            *take_made(made_nodes),
            _attach_root(spec, placing, where, propagation),
        ),
        build=(
            *(step for one in made for step in one.steps),
            *device_steps(nodes, bound=where.bound_devices),
            *link_steps(spec, mounts),
        ),
        protect=(
            *(step for one in made for step in one.last),
            *_protection(spec, where.label),
            *propagation.after(),
        ),
    )


def _mounted(mounting: Mounting, where: Surroundings, earlier: tuple[Mounting, ...]) -> Mounted:
    if mounting.options.remount:
        return remounted(mounting)
    if mounting.options.bind:
        return bound(mounting, where, earlier)
    if mounting.fstype == "sysfs" and where.user and not where.own_network:
        return host_sysfs(mounting)
    if mounting.fstype in ("cgroup", "cgroup2"):
        return cgroups(mounting, where)
    return filesystem(mounting, where)


def _clone(binding: Binding, *, passed: bool = False) -> op.CloneTree:
    return op.CloneTree(
        binding.key, binding.path, binding.recursive, binding.follow, passed, binding.straight, origin=binding.origin
    )


def _source(binding: Binding, propagation: _Propagation) -> Source:
    if not binding.mapped:
        return Source(
            f"source{binding.key}",
            binding.path,
            binding.recursive,
            follow=binding.follow,
            straight=binding.straight,
            origin=binding.origin,
        )
    return Source(
        handle=f"ids{binding.key}" if binding.inside else f"tree{binding.key}",
        path=binding.path,
        recursive=binding.recursive,
        mapping=binding.mapping,
        user_path=binding.user_path,
        mapping_recursive=binding.mapping_recursive,
        follow=binding.follow,
        propagation=propagation.of_sources(),
        straight=binding.straight,
        inside=bool(binding.inside),
        origin=binding.origin,
    )


def _root_source(placing: Placing, where: Surroundings) -> tuple[Source, ...]:
    return (Source("rootfs", placing.rootfs, recursive=True, origin="root.path"),) if where.passing else ()


def _attach_root(spec: Spec, placing: Placing, where: Surroundings, propagation: _Propagation) -> op.AttachRoot:
    nodev = spec.annotations.get(ROOTFS_ANNOTATION) == "nodev"
    attributes = int(MountAttr.NODEV) if nodev else 0
    return op.AttachRoot(placing.rootfs, attributes, where.passing, propagation.of_parent(), origin="root.path")


def _protection(spec: Spec, label: str) -> Iterator[Operation]:
    if spec.root.readonly:
        yield op.ReadonlyRoot(origin="root.readonly")
    for index, path in enumerate(spec.linux.readonly_paths):
        yield op.ReadonlyPath(path, origin=f"linux.readonlyPaths.{index}")
    masked = spec.linux.masked_paths
    for index, path in ((index, path) for index, path in enumerate(masked) if path not in masked[:index]):
        yield op.MaskPath(path, label, origin=f"linux.maskedPaths.{index}")


@dataclass(frozen=True)
class _Propagation:
    """linux.rootfsPropagation. Slave and private hold for what the namespace got of the host; shared and unbindable are
    for the container's mounts, and come last, since an unbindable mount cannot be a source any more.
    """

    name: str
    kind: Propagation
    recursive: bool
    origin: str

    @classmethod
    def of(cls, spec: Spec) -> _Propagation:
        origin = "linux.rootfsPropagation" if spec.linux.rootfs_propagation else ""
        name = spec.linux.rootfs_propagation or _DEFAULT_PROPAGATION
        recursive = name not in _PROPAGATION
        return cls(name, _PROPAGATION[name.removeprefix("r") if recursive else name], recursive, origin)

    def before(self) -> op.SetPropagation:
        if self.kind is Propagation.UNBINDABLE:
            name = "rprivate" if self.recursive else "private"
            return op.SetPropagation(int(Propagation.PRIVATE), name, self.recursive, origin=self.origin)
        return op.SetPropagation(int(self.kind), self.name, self.recursive, origin=self.origin)

    def after(self) -> Iterator[op.SetRootPropagation]:
        if self.kind in (Propagation.SHARED, Propagation.UNBINDABLE):
            yield op.SetRootPropagation(int(self.kind), self.name, self.recursive, origin=self.origin)

    def of_parent(self) -> int:
        """As runc: the mount that holds the root's directory is not fit yet if "/" alone was changed, or all is shared."""
        if self.recursive and self.kind in (Propagation.SLAVE, Propagation.PRIVATE, Propagation.UNBINDABLE):
            return 0
        return int(Propagation.SLAVE if self.kind is Propagation.SLAVE else Propagation.PRIVATE)

    def of_sources(self) -> int:
        """What the parent clones is the host's: it must not hand the container's mounts back to the host."""
        return int(Propagation.PRIVATE if self.kind in (Propagation.PRIVATE, Propagation.UNBINDABLE) else Propagation.SLAVE)
