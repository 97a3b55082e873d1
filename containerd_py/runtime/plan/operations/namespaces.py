"""What the container's namespaces hold besides mounts: interfaces, names, kernel parameters."""

from __future__ import annotations

from containerd_py.light.dataclasses import dataclass
from containerd_py.runtime.plan.operations.base import Operation, cut

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import ClassVar


@dataclass(frozen=True)
class LoopbackUp(Operation):
    step: ClassVar[str] = "network"

    def describe(self) -> str:
        return "bring network interface lo up"


@dataclass(frozen=True)
class SetHostname(Operation):
    step: ClassVar[str] = "hostname"
    hostname: str

    def describe(self) -> str:
        return f"set host name {self.hostname}"


@dataclass(frozen=True)
class SetDomainname(Operation):
    step: ClassVar[str] = "domainname"
    domainname: str

    def describe(self) -> str:
        return f"set NIS domain name {self.domainname}"


@dataclass(frozen=True)
class SetSysctl(Operation):
    """path: below /proc/sys. Needs `OpenProcfs`; which parameters are the namespaces' own was checked before."""

    step: ClassVar[str] = "sysctl"
    path: str
    value: str

    def describe(self) -> str:
        return f"set kernel parameter {self.path} to {cut(repr(self.value))}"
