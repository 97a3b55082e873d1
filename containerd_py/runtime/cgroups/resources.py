"""Resources, normalised once before a backend is chosen (`normalise`), and what they become (`FileValue`).

Everywhere: None is "not asked for". Limits of memory, quota and tasks: -1 is "no limit", asked for explicitly.
"""

from __future__ import annotations

from containerd_py.light.dataclasses import dataclass

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    Read = Callable[[str], str | None]
    """Returns the content of a control file of the cgroup, stripped; None where it has no such file."""


@dataclass(frozen=True)
class Memory:
    """Bytes. swap: memory and swap together, as the specification and cgroup v1 have it."""

    limit: int | None = None
    reservation: int | None = None
    swap: int | None = None
    kernel: int | None = None
    kernel_tcp: int | None = None
    swappiness: int | None = None
    oom_kill_disable: bool | None = None
    use_hierarchy: bool | None = None
    check_before_update: bool = False


@dataclass(frozen=True)
class Cpu:
    """shares: of cgroup v1, 2 to 262144; the rest but idle (0 or 1) in microseconds."""

    shares: int | None = None
    quota: int | None = None
    burst: int | None = None
    period: int | None = None
    realtime_runtime: int | None = None
    realtime_period: int | None = None
    idle: int | None = None


@dataclass(frozen=True)
class Cpuset:
    """Lists as in cpuset(7): "0-3,7"."""

    cpus: str | None = None
    mems: str | None = None


@dataclass(frozen=True)
class WeightDevice:
    device: str
    weight: int | None = None
    leaf_weight: int | None = None


@dataclass(frozen=True)
class Throttle:
    """kind: "rbps", "wbps", "riops" or "wiops", as cgroup v2 calls them; device: "8:0"; rate: per second, 0 is none."""

    kind: str
    device: str
    rate: int


@dataclass(frozen=True)
class BlockIo:
    """Weights: of cgroup v1, 10 to 1000."""

    weight: int | None = None
    leaf_weight: int | None = None
    weight_devices: tuple[WeightDevice, ...] = ()
    throttles: tuple[Throttle, ...] = ()


@dataclass(frozen=True)
class HugepageLimit:
    """page_size: "2MB", as the control files are named; limit: bytes."""

    page_size: str
    limit: int


@dataclass(frozen=True)
class RdmaLimit:
    device: str
    handles: int | None = None
    objects: int | None = None


@dataclass(frozen=True)
class DeviceRule:
    """kind: "a", "b" or "c"; major, minor: None is any; access: some of "rwm". With kind "a" the rest is as here."""

    allow: bool
    kind: str = "a"
    major: int | None = None
    minor: int | None = None
    access: str = "rwm"


@dataclass(frozen=True)
class Resources:
    """pids_limit: tasks. devices: in order, the last that says something counts. unified: (control file, content)."""

    memory: Memory = Memory()
    cpu: Cpu = Cpu()
    cpuset: Cpuset = Cpuset()
    pids_limit: int | None = None
    block_io: BlockIo = BlockIo()
    hugepages: tuple[HugepageLimit, ...] = ()
    net_class: int | None = None
    net_priorities: tuple[tuple[str, int], ...] = ()
    rdma: tuple[RdmaLimit, ...] = ()
    devices: tuple[DeviceRule, ...] = ()
    unified: tuple[tuple[str, str], ...] = ()

    def controllers(self) -> tuple[str, ...]:
        """Return the controllers, by their names in cgroup v1, that the request cannot do without."""
        wanted = {
            "cpu": self.cpu != Cpu(),
            "cpuset": self.cpuset != Cpuset(),
            "memory": self.memory != Memory(),
            "blkio": self.block_io != BlockIo(),
            "pids": self.pids_limit is not None,
            "hugetlb": bool(self.hugepages),
            "net_cls": self.net_class is not None,
            "net_prio": bool(self.net_priorities),
            "rdma": bool(self.rdma),
            "devices": bool(self.devices),
        }
        return tuple(name for name, needed in wanted.items() if needed)


@dataclass(frozen=True)
class FileValue:
    """One write to one control file; a file may be written several times in order.

    waits:    where the kernel refuses it (EINVAL) beside the values that are there, it is written again after the others:
              of two values that bound each other, the kernel tells which must come first.
    kept:     the kernel may take it and do otherwise (clamp or forget it): it must be there when the file is read back.
    optional: a kernel without the file does what is asked anyway.
    place:    the JSON path of what the file is named after, where a document can get that wrong.
    """

    name: str
    text: str
    waits: bool = False
    kept: bool = False
    optional: bool = False
    place: str = ""
