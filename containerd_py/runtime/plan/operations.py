"""The operations of a Plan: frozen data that can describe itself. Their executors live in `runtime.init`.

The order in a Plan is: join the cgroup; turn every path of the host into a mount held by file descriptor; enter the
root; build it; confine the process; become the payload. An operation holds what the kernel call needs and no policy.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

Option = tuple[str, str | None]


class Operation:
    """One step. `step` is its name in errors, explanations and timelines."""

    __slots__ = ()
    step: ClassVar[str]

    def describe(self) -> str:
        """Say in one line what is done, to what."""
        raise NotImplementedError


@dataclass(frozen=True, slots=True)
class JoinCgroup(Operation):
    """Enter cgroup v1 hierarchies by their tasks files, passed as handles "cgroup0" ... (v2 is entered by clone3)."""

    step: ClassVar[str] = "cgroup"
    count: int

    def describe(self) -> str:
        return f"join {self.count} cgroup v1 hierarch{'y' if self.count == 1 else 'ies'}"


@dataclass(frozen=True, slots=True)
class UnshareCgroup(Operation):
    """Make the cgroup namespace only now, so that its root is the container's cgroup."""

    step: ClassVar[str] = "cgroup"

    def describe(self) -> str:
        return "enter a new cgroup namespace"


@dataclass(frozen=True, slots=True)
class ResetProcess(Operation):
    """Give back what the daemon's process attributes would hand on: session, nice, affinity, timer slack, umask."""

    step: ClassVar[str] = "process"
    keyring: str

    def describe(self) -> str:
        return f"start a session, join session keyring {self.keyring!r}, reset nice, affinity, timer slack and umask"


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
class OpenConsole(Operation):
    """Open a pseudo-terminal of the container's own devpts, bind it on /dev/console, hand its master out."""

    step: ClassVar[str] = "console"
    rows: int
    columns: int
    uid: int

    def describe(self) -> str:
        return "open a terminal on the container's devpts and bind it on /dev/console"


@dataclass(frozen=True, slots=True)
class LoopbackUp(Operation):
    step: ClassVar[str] = "network"

    def describe(self) -> str:
        return "bring network interface lo up"


@dataclass(frozen=True, slots=True)
class SetHostname(Operation):
    step: ClassVar[str] = "hostname"
    hostname: str

    def describe(self) -> str:
        return f"set host name {self.hostname}"


@dataclass(frozen=True, slots=True)
class SetDomainname(Operation):
    step: ClassVar[str] = "domainname"
    domainname: str

    def describe(self) -> str:
        return f"set NIS domain name {self.domainname}"


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


@dataclass(frozen=True, slots=True)
class SetRlimit(Operation):
    """resource: RLIMIT_* as a number; soft, hard: -1 is unlimited."""

    step: ClassVar[str] = "rlimit"
    name: str
    resource: int
    soft: int
    hard: int

    def describe(self) -> str:
        return f"limit {self.name} to {self.soft} (hard {self.hard})"


@dataclass(frozen=True, slots=True)
class AttachStdio(Operation):
    """Put the passed handles (or the console) on descriptors 0, 1, 2, owned by the payload's user."""

    step: ClassVar[str] = "stdio"
    terminal: bool
    uid: int

    def describe(self) -> str:
        return f"attach the {'terminal' if self.terminal else 'pipes'} to stdin, stdout and stderr"


@dataclass(frozen=True, slots=True)
class LimitBounding(Operation):
    """capabilities: the bit mask that stays in the bounding set; everything else is dropped."""

    step: ClassVar[str] = "capabilities"
    capabilities: int

    def describe(self) -> str:
        return f"limit the bounding set to {self.capabilities:#x}"


@dataclass(frozen=True, slots=True)
class SetIdentity(Operation):
    step: ClassVar[str] = "user"
    uid: int
    gid: int
    additional_gids: tuple[int, ...]
    umask: int

    def describe(self) -> str:
        groups = f" and groups {','.join(map(str, self.additional_gids))}" if self.additional_gids else ""
        return f"become user {self.uid}:{self.gid}{groups}, umask {self.umask:04o}"


@dataclass(frozen=True, slots=True)
class SetCapabilities(Operation):
    """The sets as bit masks."""

    step: ClassVar[str] = "capabilities"
    effective: int
    permitted: int
    inheritable: int
    ambient: int

    def describe(self) -> str:
        return (
            f"set capabilities: effective {self.effective:#x}, permitted {self.permitted:#x}, "
            f"inheritable {self.inheritable:#x}, ambient {self.ambient:#x}"
        )


@dataclass(frozen=True, slots=True)
class SetNoNewPrivs(Operation):
    step: ClassVar[str] = "no_new_privs"

    def describe(self) -> str:
        return "set no_new_privs"


@dataclass(frozen=True, slots=True)
class ChangeDirectory(Operation):
    step: ClassVar[str] = "cwd"
    path: str

    def describe(self) -> str:
        return f"change to directory {self.path}"


@dataclass(frozen=True, slots=True)
class FindProgram(Operation):
    """Look the program up as execvp would, with the payload's rights; the result is what `Exec` runs."""

    step: ClassVar[str] = "exec"
    name: str
    search: tuple[str, ...]

    def describe(self) -> str:
        return f"find program {self.name}" + ("" if "/" in self.name else f" in {':'.join(self.search)}")


@dataclass(frozen=True, slots=True)
class AwaitStart(Operation):
    """Everything before happens at create, everything after at start."""

    step: ClassVar[str] = "start"

    def describe(self) -> str:
        return "wait for start"


@dataclass(frozen=True, slots=True)
class LoadSeccomp(Operation):
    """program: an array of struct sock_filter. flags: SECCOMP_FILTER_FLAG_*."""

    step: ClassVar[str] = "seccomp"
    program: bytes
    flags: int

    def describe(self) -> str:
        return f"load a seccomp filter of {len(self.program) // 8} instructions"


@dataclass(frozen=True, slots=True)
class Exec(Operation):
    step: ClassVar[str] = "exec"
    arguments: tuple[str, ...]
    environment: tuple[str, ...]

    def describe(self) -> str:
        return f"execute {' '.join(self.arguments)}"
