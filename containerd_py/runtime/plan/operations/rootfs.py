"""The root file system: mounts, devices, links, masks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from containerd_py.runtime.plan.operations.base import Operation, Option


@dataclass(frozen=True, slots=True)
class SetPropagation(Operation):
    """propagation: a bit of linux.mounts.Propagation, for every mount."""

    step: ClassVar[str] = "propagation"
    propagation: int
    name: str

    def describe(self) -> str:
        return f"make all mounts {self.name}"


@dataclass(frozen=True, slots=True)
class CloneTree(Operation):
    """Take the mount at a host path (a directory or a file) into hand; `key` names it for `AttachTree`."""

    step: ClassVar[str] = "mount"
    key: int
    source: str
    recursive: bool

    def describe(self) -> str:
        return f"clone {'r' if self.recursive else ''}bind source {self.source}"


@dataclass(frozen=True, slots=True)
class CloneNull(Operation):
    """Take the host's /dev/null, checked to be char 1:3, for masking files."""

    step: ClassVar[str] = "mask"

    def describe(self) -> str:
        return "clone /dev/null (char 1:3)"


@dataclass(frozen=True, slots=True)
class AttachRoot(Operation):
    """Clone the tree at a host path and attach it on the same place: the mount that becomes the root.

    attributes: bits of MountAttr added to all of it.
    """

    step: ClassVar[str] = "rootfs"
    path: str
    attributes: int = 0

    def describe(self) -> str:
        return f"bind root file system {self.path}"


@dataclass(frozen=True, slots=True)
class MountFilesystem(Operation):
    """Make a file system and attach it at `target` inside the root. attributes: bits of linux.mounts.MountAttr."""

    step: ClassVar[str] = "mount"
    fstype: str
    source: str
    target: str
    options: tuple[Option, ...]
    attributes: int
    propagation: int = 0

    def describe(self) -> str:
        words = [key if value is None else f"{key}={value}" for key, value in self.options]
        return f"mount {self.fstype} on {self.target}" + (f" ({','.join(words)})" if words else "")


@dataclass(frozen=True, slots=True)
class AttachTree(Operation):
    """Attach the tree `key` at `target` inside the root, with attributes changed first.

    add, remove: of this mount; below_add, below_remove: of it and of all mounts below it, before that.
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

    def describe(self) -> str:
        return f"bind {self.source} on {self.target}"


@dataclass(frozen=True, slots=True)
class MakeDirectory(Operation):
    step: ClassVar[str] = "directory"
    path: str

    def describe(self) -> str:
        return f"make directory {self.path} if it is missing"


@dataclass(frozen=True, slots=True)
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


@dataclass(frozen=True, slots=True)
class MakeSymlink(Operation):
    step: ClassVar[str] = "symlink"
    path: str
    target: str

    def describe(self) -> str:
        return f"link {self.path} to {self.target}"


@dataclass(frozen=True, slots=True)
class PivotRoot(Operation):
    step: ClassVar[str] = "pivot_root"

    def describe(self) -> str:
        return "pivot into the root file system and detach the host's"


@dataclass(frozen=True, slots=True)
class ReadonlyRoot(Operation):
    step: ClassVar[str] = "rootfs"

    def describe(self) -> str:
        return "make the root mount read-only"


@dataclass(frozen=True, slots=True)
class ReadonlyPath(Operation):
    step: ClassVar[str] = "readonly"
    path: str

    def describe(self) -> str:
        return f"make {self.path} read-only"


@dataclass(frozen=True, slots=True)
class MaskPath(Operation):
    step: ClassVar[str] = "mask"
    path: str

    def describe(self) -> str:
        return f"mask {self.path}"
