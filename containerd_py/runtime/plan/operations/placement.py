"""Where the worker is put, and what it gives back of the process that forked it."""

from __future__ import annotations

from containerd_py.light.dataclasses import dataclass
from containerd_py.runtime.plan.operations.base import Operation

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import ClassVar


@dataclass(frozen=True)
class JoinCgroup(Operation):
    """Enter cgroup v1 hierarchies by their tasks files, passed as handles "cgroup0" ... (v2 is entered by clone3)."""

    step: ClassVar[str] = "cgroup"
    count: int

    def describe(self) -> str:
        return f"join {self.count} cgroup v1 hierarch{'y' if self.count == 1 else 'ies'}"


@dataclass(frozen=True)
class AwaitMembership(Operation):
    """systemd makes the cgroup and puts this process into it, while everything before is done: go on as its member only."""

    step: ClassVar[str] = "scope"
    unit: str

    def describe(self) -> str:
        return f"wait until systemd has put the process into {self.unit!r}"


@dataclass(frozen=True)
class UnshareCgroup(Operation):
    """Make the cgroup namespace only now, so that its root is the container's cgroup."""

    step: ClassVar[str] = "cgroup"

    def describe(self) -> str:
        return "enter a new cgroup namespace"


@dataclass(frozen=True)
class ResetProcess(Operation):
    """Give back what the daemon's process attributes would hand on: session, nice, policy, priority of input and output,
    affinity, timer slack, umask.

    keyring: name of the session keyring; "" leaves that of the caller. searchable: permissions that are added to it, so
    that whoever executes in the container finds it by its name (keyctl_setperm(3)).
    """

    step: ClassVar[str] = "process"
    keyring: str
    searchable: int = 0

    def describe(self) -> str:
        keyring = f"join session keyring {self.keyring!r}" if self.keyring else "keep the caller's session keyring"
        return f"start a session, {keyring}, reset nice, policy, affinity, timer slack and umask"


@dataclass(frozen=True)
class BecomeRoot(Operation):
    """Take user and group 0 of the user namespace, so that what is made belongs to them.

    drop_groups: give up the groups of the host, where the namespace lets a process do so (setgroups "allow").
    """

    step: ClassVar[str] = "user_namespace"
    drop_groups: bool

    def describe(self) -> str:
        return "become root of the user namespace"


@dataclass(frozen=True)
class AwaitParent(Operation):
    """Namespaces are there, the root is not entered yet: the parent does what can be done from outside only."""

    step: ClassVar[str] = "hooks"
    what: tuple[str, ...]

    def describe(self) -> str:
        return f"wait for {', '.join(self.what)}"


@dataclass(frozen=True)
class OpenProcfs(Operation):
    """Take a procfs of the worker's own into hand, for the writes that follow (SECURITY R6)."""

    step: ClassVar[str] = "procfs"

    def describe(self) -> str:
        return "open a private procfs"
