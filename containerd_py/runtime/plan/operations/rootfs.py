"""The root file system: mounts, devices, links, masks."""

from __future__ import annotations

from containerd_py.light.dataclasses import dataclass
from containerd_py.runtime.plan.operations.base import Operation, Option, cut

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import ClassVar


@dataclass(frozen=True)
class SetPropagation(Operation):
    """propagation: a bit of linux.mounts.Propagation, for every mount, or for "/" alone."""

    step: ClassVar[str] = "propagation"
    propagation: int
    name: str
    recursive: bool = True

    def describe(self) -> str:
        return f"make {'all mounts' if self.recursive else 'mount /'} {self.name}"


@dataclass(frozen=True)
class CloneTree(Operation):
    """Take the mount at a host path (a directory or a file) into hand; `key` names it for `AttachTree`.

    follow: False to take a symlink at the end of the path as what it is. straight: no symlink may stand anywhere on the
    way. passed: the parent opened it, as handle "source<key>".
    """

    step: ClassVar[str] = "mount"
    key: int
    source: str
    recursive: bool
    follow: bool = True
    passed: bool = False
    straight: bool = False

    def describe(self) -> str:
        return f"clone {'r' if self.recursive else ''}bind source {self.source}"


@dataclass(frozen=True)
class CloneInside(Operation):
    """Take a tree of the container's own into hand, with the mounts that it has by then, as `CloneTree` does of the host's.

    source: a path inside the root. mapped: the parent maps its ids (`dialogue`), by the user namespace that it passed as
    the handle "ids<key>".
    """

    step: ClassVar[str] = "mount"
    key: int
    source: str
    recursive: bool
    follow: bool = True
    mapped: bool = False

    def describe(self) -> str:
        return f"clone {'r' if self.recursive else ''}bind source {self.source} of the container's own mounts"


@dataclass(frozen=True)
class CloneNull(Operation):
    """Take the host's /dev/null, checked to be char 1:3, for masking files."""

    step: ClassVar[str] = "mask"

    def describe(self) -> str:
        return "clone /dev/null (char 1:3)"


@dataclass(frozen=True)
class AttachRoot(Operation):
    """Clone the tree at a host path and attach it on the same place: the mount that becomes the root.

    attributes: bits of MountAttr added to all of it. passed: the parent opened the directory, as handle "rootfs".
    parent_propagation: of the mount that it is attached on; then a passed one is attached on "/" instead.
    """

    step: ClassVar[str] = "rootfs"
    path: str
    attributes: int = 0
    passed: bool = False
    parent_propagation: int = 0

    def describe(self) -> str:
        return f"bind root file system {self.path}"


@dataclass(frozen=True)
class MountFilesystem(Operation):
    """Make a file system and attach it at `target` inside the root. attributes: bits of linux.mounts.MountAttr.

    inherit_mode: its root gets the mode of the directory that it hides, where there is one. copy_up: it is filled with a
    copy of what it hides. label: security.selinux of its root, for a file system without the option context=.
    """

    step: ClassVar[str] = "mount"
    fstype: str
    source: str
    target: str
    options: tuple[Option, ...]
    attributes: int
    propagation: int = 0
    inherit_mode: bool = False
    copy_up: bool = False
    label: str = ""

    def describe(self) -> str:
        words = [key if value is None else f"{key}={value}" for key, value in self.options]
        told = f"mount {self.fstype} on {self.target}" + (f" ({cut(','.join(words))})" if words else "")
        return f"{told}, filled with what it hides" if self.copy_up else told


@dataclass(frozen=True)
class AttachTree(Operation):
    """Attach the tree `key` at `target` inside the root, with attributes changed first.

    The tree is that of CloneTree, or the handle "tree<key>": one that the parent cloned, to map its ids.
    add, remove: of this mount; below_add, below_remove: of it and of all mounts below it, before that. filesystem: magic
    number (statfs(2)) that the source must have, 0 for any. copy_symlink: a symlink is made anew. follow: False to attach
    upon a symlink at the end of the target's path, which must be there. unsaid: attributes of this mount to remove as
    well, but those that are locked (mount_namespaces(7)).
    """

    step: ClassVar[str] = "mount"
    key: int
    source: str
    target: str
    add: int
    remove: int
    below_add: int = 0
    below_remove: int = 0
    propagation: int = 0
    propagation_recursive: bool = False
    filesystem: int = 0
    copy_symlink: bool = False
    follow: bool = True
    unsaid: int = 0

    def describe(self) -> str:
        return f"bind {self.source} on {self.target}"


@dataclass(frozen=True)
class Remount(Operation):
    """Change the mount at `target` inside the root: its attributes, and the file system's options where `reconfigure`.

    The attributes are those of AttachTree; a file system that is mounted elsewhere too changes there as well.
    """

    step: ClassVar[str] = "remount"
    target: str
    add: int
    remove: int = 0
    below_add: int = 0
    below_remove: int = 0
    propagation: int = 0
    propagation_recursive: bool = False
    reconfigure: bool = False
    options: tuple[Option, ...] = ()

    def describe(self) -> str:
        words = [key if value is None else f"{key}={value}" for key, value in self.options]
        return f"change mount {self.target}" + (f" ({cut(','.join(words))})" if words else "")


@dataclass(frozen=True)
class MakeDirectory(Operation):
    step: ClassVar[str] = "directory"
    path: str

    def describe(self) -> str:
        return f"make directory {self.path} if it is missing"


@dataclass(frozen=True)
class MakeDevice(Operation):
    """kind: "c", "b" or "p"; mode: permission bits."""

    step: ClassVar[str] = "device"
    path: str
    kind: str
    major: int
    minor: int
    mode: int
    uid: int
    gid: int

    def describe(self) -> str:
        return f"make device {self.path} ({self.kind} {self.major}:{self.minor}, {self.mode:o})"


@dataclass(frozen=True)
class TakeNodes(Operation):
    """Take the nodes that the parent has made, in the file system "nodes", as the trees `keys`; -1 - key is its name."""

    step: ClassVar[str] = "device"
    keys: tuple[int, ...]

    def describe(self) -> str:
        return f"take {len(self.keys)} device nodes of the host's"


@dataclass(frozen=True)
class BindDevice(Operation):
    """Bind the host's node, which is tree `key`, on `path`: a user namespace makes no devices (mknod(2)).

    It is checked to be the device that is meant. Mode and owner are the host's, and stay so; those of a node that the
    parent has made are the document's.
    """

    step: ClassVar[str] = "device"
    key: int
    path: str
    kind: str
    major: int
    minor: int

    def describe(self) -> str:
        return f"bind device {self.path} ({self.kind} {self.major}:{self.minor})"


@dataclass(frozen=True)
class MakeSymlink(Operation):
    step: ClassVar[str] = "symlink"
    path: str
    target: str

    def describe(self) -> str:
        return f"link {self.path} to {self.target}"


@dataclass(frozen=True)
class PivotRoot(Operation):
    step: ClassVar[str] = "pivot_root"

    def describe(self) -> str:
        return "pivot into the root file system and detach the host's"


@dataclass(frozen=True)
class MoveRoot(Operation):
    """For a host whose root is the initial ramdisk, which pivot_root(2) does not take: the old root stays below.

    path: of the new root on the host.
    """

    step: ClassVar[str] = "pivot_root"
    path: str

    def describe(self) -> str:
        return "move the root file system over the host's, whose proc and sysfs are unmounted first"


@dataclass(frozen=True)
class ReadonlyRoot(Operation):
    step: ClassVar[str] = "rootfs"

    def describe(self) -> str:
        return "make the root mount read-only"


@dataclass(frozen=True)
class ReadonlyPath(Operation):
    step: ClassVar[str] = "readonly"
    path: str

    def describe(self) -> str:
        return f"make {self.path} read-only"


@dataclass(frozen=True)
class MaskPath(Operation):
    """label: the SELinux label of what hides a directory, where there is one."""

    step: ClassVar[str] = "mask"
    path: str
    label: str = ""

    def describe(self) -> str:
        return f"mask {self.path}"


@dataclass(frozen=True)
class SetRootPropagation(Operation):
    """After the pivot, when nothing can leave to the host any more, and all masks are in place."""

    step: ClassVar[str] = "propagation"
    propagation: int
    name: str
    recursive: bool

    def describe(self) -> str:
        return f"make {'all mounts of the container' if self.recursive else 'the root mount'} {self.name}"
