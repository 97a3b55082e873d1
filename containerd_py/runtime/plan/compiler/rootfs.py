"""The root file system: its sources, mounts, devices and what protects it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from containerd_py.runtime.linux.mounts import MountAttr
from containerd_py.runtime.plan import operations as op
from containerd_py.runtime.spec.defaults import ROOTFS_ANNOTATION
from containerd_py.runtime.spec.mount_options import MountOptions, parse_options

if TYPE_CHECKING:
    from collections.abc import Iterator

    from containerd_py.runtime.plan.operations import Operation
    from containerd_py.runtime.spec.models import Mount, Spec

_DEVICES = (("null", 1, 3), ("zero", 1, 5), ("full", 1, 7), ("random", 1, 8), ("urandom", 1, 9), ("tty", 5, 0))
_SYMLINKS = (
    ("/dev/fd", "/proc/self/fd"),
    ("/dev/stdin", "/proc/self/fd/0"),
    ("/dev/stdout", "/proc/self/fd/1"),
    ("/dev/stderr", "/proc/self/fd/2"),
)


@dataclass(frozen=True, slots=True)
class Mounting:
    """A mount of the document, its options read. key: its place in the list."""

    key: int
    mount: Mount
    options: MountOptions


def mountings(spec: Spec) -> tuple[Mounting, ...]:
    return tuple(
        Mounting(key, mount, parse_options(mount.options, where=f"mounts.{key}", bind=mount.type == "bind"))
        for key, mount in enumerate(spec.mounts)
    )


def source_steps(mounts: tuple[Mounting, ...], *, masks: bool) -> Iterator[Operation]:
    """Everything that is named by a path of the host, before the root is entered (SECURITY R4)."""
    if masks:
        yield op.CloneNull()
    for key, mount, options in ((m.key, m.mount, m.options) for m in mounts):
        if options.bind:
            yield op.CloneTree(key, mount.source or "", options.recursive_bind)


def root_steps(spec: Spec, rootfs: str) -> Iterator[Operation]:
    nodev = spec.annotations.get(ROOTFS_ANNOTATION) == "nodev"
    yield op.AttachRoot(rootfs, int(MountAttr.NODEV) if nodev else 0)


def mount_steps(mounts: tuple[Mounting, ...]) -> Iterator[Operation]:
    for key, mount, options in ((m.key, m.mount, m.options) for m in mounts):
        if options.bind:
            yield op.AttachTree(
                key=key,
                source=mount.source or "",
                target=mount.destination,
                add=options.add,
                remove=options.remove,
                below_add=options.below_add,
                below_remove=options.below_remove,
                propagation=options.propagation,
                propagation_recursive=options.propagation_recursive,
            )
        else:
            fstype = mount.type or ""
            attributes = (options.below_add & ~options.remove) | options.add
            yield op.MountFilesystem(
                fstype, mount.source or fstype, mount.destination, options.data, attributes, options.propagation
            )


def device_steps(spec: Spec, mounts: tuple[Mounting, ...]) -> Iterator[Operation]:
    """The default devices and links; a /dev that is bound from the host is left as it is."""
    if any(m.options.bind and m.mount.destination.rstrip("/") == "/dev" for m in mounts):
        return
    asked = {device.path for device in spec.linux.devices}
    for name, major, minor in _DEVICES:
        if f"/dev/{name}" not in asked:
            yield op.MakeDevice(f"/dev/{name}", "c", major, minor, 0o666, 0, 0)
    for device in spec.linux.devices:
        mode = 0o666 if device.file_mode is None else device.file_mode
        kind = "c" if device.type == "u" else device.type
        yield op.MakeDevice(device.path, kind, device.major, device.minor, mode, device.uid or 0, device.gid or 0)
    for path, target in _SYMLINKS:
        yield op.MakeSymlink(path, target)
    if any(m.mount.type == "devpts" for m in mounts):
        yield op.MakeSymlink("/dev/ptmx", "pts/ptmx")


def protection_steps(spec: Spec) -> Iterator[Operation]:
    if spec.root.readonly:
        yield op.ReadonlyRoot()
    yield from map(op.ReadonlyPath, spec.linux.readonly_paths)
    yield from map(op.MaskPath, spec.linux.masked_paths)
