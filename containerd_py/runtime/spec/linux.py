"""The `linux` object (config-linux.md)."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from containerd_py.runtime.spec.base import Id, Many, Oci, Signed, Text, Unsigned
from containerd_py.runtime.spec.resources import Resources

NamespaceType = Literal["pid", "network", "mount", "ipc", "uts", "user", "cgroup", "time"]


class Namespace(Oci):
    type: NamespaceType
    path: Text | None = None


class IdMapping(Oci):
    container_id: Annotated[int, Field(alias="containerID", ge=0, le=2**32 - 1)]
    host_id: Annotated[int, Field(alias="hostID", ge=0, le=2**32 - 1)]
    size: Annotated[int, Field(ge=1, le=2**32 - 1)]


class Device(Oci):
    """A device to make. major, minor: as far as the kernel counts (MINORBITS).

    file_mode: permission bits; the bits of the kind beside them, which podman leaves in from stat(2), mean nothing.
    """

    type: Literal["c", "b", "u", "p"]
    path: Text
    major: Annotated[int, Field(ge=0, le=2**12 - 1)] = 0
    minor: Annotated[int, Field(ge=0, le=2**20 - 1)] = 0
    file_mode: Annotated[int, Field(ge=0, le=0o177777)] | None = None
    uid: Id | None = None
    gid: Id | None = None


SeccompOperator = Literal[
    "SCMP_CMP_NE",
    "SCMP_CMP_LT",
    "SCMP_CMP_LE",
    "SCMP_CMP_EQ",
    "SCMP_CMP_GE",
    "SCMP_CMP_GT",
    "SCMP_CMP_MASKED_EQ",
]
SeccompAction = Literal[
    "SCMP_ACT_KILL",
    "SCMP_ACT_KILL_PROCESS",
    "SCMP_ACT_KILL_THREAD",
    "SCMP_ACT_TRAP",
    "SCMP_ACT_ERRNO",
    "SCMP_ACT_TRACE",
    "SCMP_ACT_ALLOW",
    "SCMP_ACT_LOG",
    "SCMP_ACT_NOTIFY",
]


SeccompArchitecture = Literal[
    "SCMP_ARCH_X86",
    "SCMP_ARCH_X86_64",
    "SCMP_ARCH_X32",
    "SCMP_ARCH_ARM",
    "SCMP_ARCH_AARCH64",
    "SCMP_ARCH_LOONGARCH64",
    "SCMP_ARCH_M68K",
    "SCMP_ARCH_MIPS",
    "SCMP_ARCH_MIPS64",
    "SCMP_ARCH_MIPS64N32",
    "SCMP_ARCH_MIPSEL",
    "SCMP_ARCH_MIPSEL64",
    "SCMP_ARCH_MIPSEL64N32",
    "SCMP_ARCH_PARISC",
    "SCMP_ARCH_PARISC64",
    "SCMP_ARCH_PPC",
    "SCMP_ARCH_PPC64",
    "SCMP_ARCH_PPC64LE",
    "SCMP_ARCH_RISCV64",
    "SCMP_ARCH_S390",
    "SCMP_ARCH_S390X",
    "SCMP_ARCH_SH",
    "SCMP_ARCH_SHEB",
]
SeccompFlag = Literal[
    "SECCOMP_FILTER_FLAG_TSYNC",
    "SECCOMP_FILTER_FLAG_LOG",
    "SECCOMP_FILTER_FLAG_SPEC_ALLOW",
    "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV",
]


class SeccompArgument(Oci):
    index: Annotated[int, Field(ge=0, le=5)]
    value: Unsigned
    value_two: Unsigned = 0
    op: SeccompOperator


ErrnoRet = Annotated[int, Field(ge=0, le=65_535)]
"""SECCOMP_RET_DATA: an error number for ERRNO, any 16 bits for TRACE."""


class SeccompRule(Oci):
    names: Annotated[tuple[Text, ...], Field(strict=False, min_length=1)]
    action: SeccompAction
    errno_ret: ErrnoRet | None = None
    args: Many[SeccompArgument] = ()


class Seccomp(Oci):
    default_action: SeccompAction
    default_errno_ret: ErrnoRet | None = None
    architectures: Many[SeccompArchitecture] = ()
    flags: Many[SeccompFlag] = ()
    listener_path: Text | None = None
    listener_metadata: Text | None = None
    syscalls: Many[SeccompRule] = ()


class TimeOffset(Oci):
    secs: Signed = 0
    nanosecs: Annotated[int, Field(ge=0, le=999_999_999)] = 0


class TimeOffsets(Oci):
    """What the clocks of a new time namespace are ahead by (time_namespaces(7))."""

    monotonic: TimeOffset | None = None
    boottime: TimeOffset | None = None


class NetDevice(Oci):
    """A network interface of the host that the container gets. name: its name there; the same where it is not given."""

    name: Text | None = None


class IntelRdt(Oci):
    clos_id: Annotated[Text | None, Field(alias="closID")] = None
    schemata: Many[Text] = ()
    l3_cache_schema: Annotated[Text | None, Field(alias="l3CacheSchema")] = None
    mem_bw_schema: Text | None = None
    enable_monitoring: bool = False
    enable_cmt: Annotated[bool, Field(alias="enableCMT")] = False
    enable_mbm: Annotated[bool, Field(alias="enableMBM")] = False


MEMORY_MODES = (
    *("MPOL_DEFAULT", "MPOL_PREFERRED", "MPOL_BIND", "MPOL_INTERLEAVE", "MPOL_LOCAL", "MPOL_PREFERRED_MANY"),
    "MPOL_WEIGHTED_INTERLEAVE",
)
MEMORY_FLAGS = ("MPOL_F_STATIC_NODES", "MPOL_F_RELATIVE_NODES", "MPOL_F_NUMA_BALANCING")


class MemoryPolicy(Oci):
    """mode, flags: of the two lists above; nodes: a list of NUMA nodes (set_mempolicy(2))."""

    mode: Text = ""
    nodes: Text | None = None
    flags: Many[Text] = ()


class Personality(Oci):
    domain: Literal["LINUX", "LINUX32"]
    flags: Many[Text] = ()


class Linux(Oci):
    namespaces: Many[Namespace] = ()
    uid_mappings: Many[IdMapping] = ()
    gid_mappings: Many[IdMapping] = ()
    time_offsets: TimeOffsets | None = None
    devices: Many[Device] = ()
    net_devices: dict[Text, NetDevice] | None = None
    cgroups_path: Text | None = None
    resources: Resources | None = None
    intel_rdt: IntelRdt | None = None
    memory_policy: MemoryPolicy | None = None
    sysctl: dict[Text, Text] | None = None
    seccomp: Seccomp | None = None
    rootfs_propagation: Text | None = None
    masked_paths: Many[Text] = ()
    readonly_paths: Many[Text] = ()
    mount_label: Text | None = None
    personality: Personality | None = None
