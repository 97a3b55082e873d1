"""What the process may do: identity, capabilities, labels, filters."""

from __future__ import annotations

from containerd_py.light.dataclasses import dataclass
from containerd_py.runtime.plan.operations.base import Operation, cut

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import ClassVar


@dataclass(frozen=True)
class LimitBounding(Operation):
    """capabilities: the bit mask that stays in the bounding set; everything else is dropped."""

    step: ClassVar[str] = "capabilities"
    capabilities: int

    def describe(self) -> str:
        return f"limit the bounding set to {self.capabilities:#x}"


@dataclass(frozen=True)
class SetIdentity(Operation):
    """setgroups: False where the user namespace denies it (user_namespaces(7)); then there are no additional groups."""

    step: ClassVar[str] = "user"
    uid: int
    gid: int
    additional_gids: tuple[int, ...]
    umask: int
    setgroups: bool = True

    def describe(self) -> str:
        groups = f" and groups {cut(','.join(map(str, self.additional_gids)))}" if self.additional_gids else ""
        return f"become user {self.uid}:{self.gid}{groups}, umask {self.umask:04o}"


@dataclass(frozen=True)
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


@dataclass(frozen=True)
class SetNoNewPrivs(Operation):
    step: ClassVar[str] = "no_new_privs"

    def describe(self) -> str:
        return "set no_new_privs"


@dataclass(frozen=True)
class SetAppArmorProfile(Operation):
    """For the program that is executed. Needs `OpenProcfs`."""

    step: ClassVar[str] = "apparmor"
    profile: str

    def describe(self) -> str:
        return f"change to AppArmor profile {self.profile} at execution"


@dataclass(frozen=True)
class SetSelinuxLabel(Operation):
    """For the program that is executed. Needs `OpenProcfs`."""

    step: ClassVar[str] = "selinux"
    label: str

    def describe(self) -> str:
        return f"change to SELinux label {self.label} at execution"


@dataclass(frozen=True)
class LoadSeccomp(Operation):
    """program: an array of struct sock_filter. flags: SECCOMP_FILTER_FLAG_*; with NEW_LISTENER the parent is sent one.

    silences: it may refuse what the worker tells its parent by, so the parent is told before.
    """

    step: ClassVar[str] = "seccomp"
    program: bytes
    flags: int
    silences: bool = False

    def describe(self) -> str:
        return f"load a seccomp filter of {len(self.program) // 8} instructions"
