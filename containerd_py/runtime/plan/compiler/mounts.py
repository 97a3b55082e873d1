"""The mounts of a document: what is taken from the host for each, and the operations that put it in its place."""

from __future__ import annotations

import posixpath

from containerd_py.errors import InvalidArgument
from containerd_py.light.dataclasses import dataclass
from containerd_py.light.functools import lru_cache
from containerd_py.runtime.linux.mounts import MountAttr
from containerd_py.runtime.linux.statfs import PROC_SUPER_MAGIC
from containerd_py.runtime.plan import operations as op
from containerd_py.runtime.plan.compiler.idmaps import mapping_of
from containerd_py.runtime.spec.mount_options import MountOptions, parse_options

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from containerd_py.runtime.plan.compiler.surroundings import Surroundings
    from containerd_py.runtime.plan.operations import Operation, Option
    from containerd_py.runtime.plan.plan import UserMapping
    from containerd_py.runtime.spec.models import Mount, Spec

_RDONLY = int(MountAttr.RDONLY)  # flags are slow to reckon with, and every mount of every container is
_REMOUNTED = int(MountAttr.RDONLY | MountAttr.NOSUID | MountAttr.NODEV | MountAttr.NOEXEC | MountAttr.NOSYMFOLLOW)
# File systems of the kernel's own: "ro" is said of the mount alone, since others may have the same superblock mounted.
_VIRTUAL = frozenset(
    (
        *("proc", "sysfs", "devpts", "tmpfs", "mqueue", "cgroup", "cgroup2", "devtmpfs", "ramfs", "hugetlbfs"),
        *("bpf", "binfmt_misc", "configfs", "debugfs", "efivarfs", "fusectl", "pstore", "securityfs", "tracefs"),
    )
)
# These have labels of their own, and refuse the option context= (fs/proc, fs/sysfs, ipc/mqueue.c, kernel/cgroup).
_WITHOUT_CONTEXT = frozenset(("proc", "sysfs", "mqueue", "cgroup", "cgroup2"))


@dataclass(frozen=True)
class Binding:
    """A tree of the host that is taken before the root is entered. mapping: of its ids; user_path: or the namespace's.

    straight: no symlink may stand on the way to it. inside: it is a tree of the container's own mounts, at this path of
    the root, which is taken when its turn comes. origin: JSON path of what asks for it.
    """

    key: int
    path: str
    recursive: bool
    follow: bool = True
    mapping: UserMapping | None = None
    user_path: str = ""
    mapping_recursive: bool = False
    straight: bool = False
    inside: str = ""
    origin: str = ""

    @property
    def mapped(self) -> bool:
        return self.mapping is not None or bool(self.user_path)


@dataclass(frozen=True)
class Mounting:
    """A mount of the document, its options read. key: its place in the list; target: its absolute destination."""

    key: int
    mount: Mount
    options: MountOptions
    target: str

    @property
    def fstype(self) -> str:
        return self.mount.type or ""

    @property
    def origin(self) -> str:
        """Its JSON path."""
        return f"mounts.{self.key}"


@dataclass(frozen=True)
class Mounted:
    """What a mount turns into. last: what is done when everything has been built."""

    bindings: tuple[Binding, ...]
    steps: tuple[Operation, ...]
    last: tuple[Operation, ...] = ()


def mountings(spec: Spec) -> tuple[Mounting, ...]:
    return tuple(
        Mounting(
            key,
            mount,
            parse_options(mount.options, where=f"mounts.{key}.options", bind=mount.type == "bind"),
            mount.destination if mount.destination.startswith("/") else f"/{mount.destination}",
        )
        for key, mount in enumerate(spec.mounts)
    )


def attributes_of(options: MountOptions) -> int:
    """What a new mount, with nothing below it, has."""
    return (options.below_add & ~options.remove) | options.add


def remounted(mounting: Mounting) -> Mounted:
    options = mounting.options
    reconfigure = not options.bind
    words: tuple[Option, ...] = ()
    if reconfigure:
        flag = _superblock_mode(options)
        words = (*flag, *((name, None) for name in options.superblock), *options.data)
    step = op.Remount(
        target=mounting.target,
        add=options.add,
        remove=options.remove,
        below_add=options.below_add,
        below_remove=options.below_remove,
        propagation=options.propagation,
        propagation_recursive=options.propagation_recursive,
        reconfigure=reconfigure,
        options=words,
        origin=mounting.origin,
    )
    return Mounted((), (step,))


def _superblock_mode(options: MountOptions) -> tuple[Option, ...]:
    if attributes_of(options) & _RDONLY:
        return (("ro", None),)
    return (("rw", None),) if (options.remove | options.below_remove) & _RDONLY else ()


def bound(mounting: Mounting, where: Surroundings, earlier: tuple[Mounting, ...]) -> Mounted:
    """earlier: the mounts that are there when its turn comes."""
    options = mounting.options
    source = source_path(mounting, where)
    mapping, user_path = mapping_of(mounting.mount, options, where, mounting.origin)
    binding = Binding(
        key=mounting.key,
        path=source,
        recursive=options.recursive_bind,
        follow=not (options.source_nofollow or options.copy_symlink),
        mapping=mapping,
        user_path=user_path,
        mapping_recursive=options.idmap is not None and options.idmap.recursive,
        straight=where.straight,
        inside=_inside(source, where, earlier, recursive=options.recursive_bind),
        origin=mounting.origin,
    )
    step = op.AttachTree(
        key=mounting.key,
        source=source,
        target=mounting.target,
        add=options.add,
        remove=options.remove,
        below_add=options.below_add,
        below_remove=options.below_remove,
        propagation=options.propagation,
        propagation_recursive=options.propagation_recursive,
        filesystem=PROC_SUPER_MAGIC if is_at(mounting.target, "/proc") else 0,
        copy_symlink=options.copy_symlink,
        follow=not options.target_nofollow,
        unsaid=_unsaid(options),
        origin=mounting.origin,
    )
    return Mounted((binding,), (*_clone_inside(binding), step))


def _clone_inside(binding: Binding) -> Iterator[op.CloneInside]:
    if binding.inside:
        path, recursive, follow = binding.inside, binding.recursive, binding.follow
        yield op.CloneInside(binding.key, path, recursive, follow, binding.mapped, origin=binding.origin)


def _inside(source: str, where: Surroundings, earlier: tuple[Mounting, ...], *, recursive: bool) -> str:
    """Return the path inside the root of a source that an earlier mount of the container hides or (`recursive`) is in.

    "" for all others, which are the host's.
    """
    root = [*_names(where.rootfs)]
    names = [*_names(source)]
    if names[: len(root)] != root or ".." in names:
        return ""
    place = names[len(root) :]
    for mounting in earlier:
        target = [*_names(mounting.target)]
        if target == place[: len(target)] or (recursive and target[: len(place)] == place):
            return "/" + "/".join(place)
    return ""


def _names(path: str) -> Iterator[str]:
    return (name for name in path.split("/") if name not in ("", "."))


def _unsaid(options: MountOptions) -> int:
    """What a bind that has attributes of its own does not take over from its source, as with runc's remount (ADR 12)."""
    told = options.add | options.remove
    below = options.below_add | options.below_remove
    return _REMOUNTED & ~(told | below) if told else 0


def source_path(mounting: Mounting, where: Surroundings) -> str:
    """Return the absolute path of a bind's source (config.md: relative to the bundle)."""
    source = mounting.mount.source or ""
    if source.startswith("/"):
        return source
    if not where.bundle:
        raise InvalidArgument(
            f"cannot bind {source!r} ({mounting.origin}.source): it is relative, and there is no bundle",
            step="validate",
        )
    return posixpath.join(where.bundle, source)


def filesystem(mounting: Mounting, where: Surroundings) -> Mounted:
    options, fstype = mounting.options, mounting.fstype
    attributes = attributes_of(options)
    # What is built on it comes first: nodes and mount points on /dev, directories on a tmpfs (as with runc).
    late = attributes & _RDONLY if fstype == "tmpfs" or is_at(mounting.target, "/dev") else 0
    step = op.MountFilesystem(
        fstype=fstype,
        source=mounting.mount.source or fstype,
        target=mounting.target,
        options=(*_superblock(fstype, attributes, options), *options.data, *_context(fstype, where.label)),
        attributes=attributes & ~late,
        propagation=options.propagation,
        inherit_mode=fstype == "tmpfs" and not any(key == "mode" for key, _value in options.data),
        copy_up=options.copy_up,
        label=where.label if fstype == "mqueue" else "",
        origin=mounting.origin,
    )
    return Mounted((), (step,), (op.Remount(mounting.target, late, origin=mounting.origin),) if late else ())


def host_sysfs(mounting: Mounting) -> Mounted:
    """Return the host's /sys, all of it with the attributes that were asked for: as crun, where the user namespace does
    not own the network namespace, and so may make no sysfs of it.
    """
    step = op.AttachTree(
        *(mounting.key, "/sys", mounting.target, 0, 0, attributes_of(mounting.options)),
        propagation=mounting.options.propagation,
        origin=mounting.origin,
    )
    return Mounted((Binding(mounting.key, "/sys", recursive=True, origin=mounting.origin),), (step,))


def _superblock(fstype: str, attributes: int, options: MountOptions) -> Iterator[Option]:
    if attributes & _RDONLY and fstype not in _VIRTUAL:
        yield ("ro", None)
    yield from ((name, None) for name in options.superblock)


def _context(fstype: str, label: str) -> tuple[Option, ...]:
    return (("context", label),) if label and fstype not in _WITHOUT_CONTEXT else ()


@lru_cache(maxsize=1024)
def is_at(path: str, place: str) -> bool:
    """Tell whether two spellings mean the same path, "//proc/./" and "/proc"."""
    return [*_names(path)] == place.strip("/").split("/")
