"""The `linux` object (config-linux.md)."""

from __future__ import annotations

from containerd_py.runtime.spec.base import Oci, of
from containerd_py.runtime.spec.kinds import FLAG, ID, SIGNED, TEXT, TEXTS, UNSIGNED, Integer, Many, OneOf, Table
from containerd_py.runtime.spec.resources import Resources

NAMESPACE_TYPES = ("pid", "network", "mount", "ipc", "uts", "user", "cgroup", "time")


class Namespace(Oci):
    type: str = of(OneOf(NAMESPACE_TYPES))
    path: str | None = of(TEXT, default=None)


class IdMapping(Oci):
    container_id: int = of(Integer(0, 2**32 - 1), key="containerID")
    host_id: int = of(Integer(0, 2**32 - 1), key="hostID")
    size: int = of(Integer(1, 2**32 - 1))


class Device(Oci):
    """A device to make. major, minor: as far as the kernel counts (MINORBITS).

    file_mode: permission bits; the bits of the kind beside them, which podman leaves in from stat(2), mean nothing.
    """

    type: str = of(OneOf(("c", "b", "u", "p")))
    path: str = of(TEXT)
    major: int = of(Integer(0, 2**12 - 1), default=0)
    minor: int = of(Integer(0, 2**20 - 1), default=0)
    file_mode: int | None = of(Integer(0, 0o177777), default=None)
    uid: int | None = of(ID, default=None)
    gid: int | None = of(ID, default=None)


SECCOMP_OPERATORS = (
    "SCMP_CMP_NE",
    "SCMP_CMP_LT",
    "SCMP_CMP_LE",
    "SCMP_CMP_EQ",
    "SCMP_CMP_GE",
    "SCMP_CMP_GT",
    "SCMP_CMP_MASKED_EQ",
)
SECCOMP_ACTIONS = (
    "SCMP_ACT_KILL",
    "SCMP_ACT_KILL_PROCESS",
    "SCMP_ACT_KILL_THREAD",
    "SCMP_ACT_TRAP",
    "SCMP_ACT_ERRNO",
    "SCMP_ACT_TRACE",
    "SCMP_ACT_ALLOW",
    "SCMP_ACT_LOG",
    "SCMP_ACT_NOTIFY",
)


SECCOMP_ARCHITECTURES = (
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
)
SECCOMP_FLAGS = (
    "SECCOMP_FILTER_FLAG_TSYNC",
    "SECCOMP_FILTER_FLAG_LOG",
    "SECCOMP_FILTER_FLAG_SPEC_ALLOW",
    "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV",
)


class SeccompArgument(Oci):
    index: int = of(Integer(0, 5))
    value: int = of(UNSIGNED)
    value_two: int = of(UNSIGNED, default=0)
    op: str = of(OneOf(SECCOMP_OPERATORS))


ERRNO_RET = Integer(0, 65_535)
"""SECCOMP_RET_DATA: an error number for ERRNO, any 16 bits for TRACE."""


class SeccompRule(Oci):
    names: tuple[str, ...] = of(Many(TEXT, least=1))
    action: str = of(OneOf(SECCOMP_ACTIONS))
    errno_ret: int | None = of(ERRNO_RET, default=None)
    args: tuple[SeccompArgument, ...] = of(Many(SeccompArgument), default=())


class Seccomp(Oci):
    default_action: str = of(OneOf(SECCOMP_ACTIONS))
    default_errno_ret: int | None = of(ERRNO_RET, default=None)
    architectures: tuple[str, ...] = of(Many(OneOf(SECCOMP_ARCHITECTURES)), default=())
    flags: tuple[str, ...] = of(Many(OneOf(SECCOMP_FLAGS)), default=())
    listener_path: str | None = of(TEXT, default=None)
    listener_metadata: str | None = of(TEXT, default=None)
    syscalls: tuple[SeccompRule, ...] = of(Many(SeccompRule), default=())


class TimeOffset(Oci):
    secs: int = of(SIGNED, default=0)
    nanosecs: int = of(Integer(0, 999_999_999), default=0)


class TimeOffsets(Oci):
    """What the clocks of a new time namespace are ahead by (time_namespaces(7))."""

    monotonic: TimeOffset | None = of(TimeOffset, default=None)
    boottime: TimeOffset | None = of(TimeOffset, default=None)


class NetDevice(Oci):
    """A network interface of the host that the container gets. name: its name there; the same where it is not given."""

    name: str | None = of(TEXT, default=None)


class IntelRdt(Oci):
    clos_id: str | None = of(TEXT, default=None, key="closID")
    schemata: tuple[str, ...] = of(TEXTS, default=())
    l3_cache_schema: str | None = of(TEXT, default=None, key="l3CacheSchema")
    mem_bw_schema: str | None = of(TEXT, default=None)
    enable_monitoring: bool = of(FLAG, default=False)
    enable_cmt: bool = of(FLAG, default=False, key="enableCMT")
    enable_mbm: bool = of(FLAG, default=False, key="enableMBM")


MEMORY_POLICIES = (
    "MPOL_DEFAULT",
    "MPOL_PREFERRED",
    "MPOL_BIND",
    "MPOL_INTERLEAVE",
    "MPOL_LOCAL",
    "MPOL_PREFERRED_MANY",
    "MPOL_WEIGHTED_INTERLEAVE",
)
MEMORY_POLICY_FLAGS = ("MPOL_F_STATIC_NODES", "MPOL_F_RELATIVE_NODES", "MPOL_F_NUMA_BALANCING")


class MemoryPolicy(Oci):
    """mode, flags: of the two lists above; nodes: a list of NUMA nodes (set_mempolicy(2))."""

    mode: str = of(TEXT, default="")
    nodes: str | None = of(TEXT, default=None)
    flags: tuple[str, ...] = of(TEXTS, default=())


class Personality(Oci):
    domain: str = of(OneOf(("LINUX", "LINUX32")))
    flags: tuple[str, ...] = of(TEXTS, default=())


class Linux(Oci):
    namespaces: tuple[Namespace, ...] = of(Many(Namespace), default=())
    uid_mappings: tuple[IdMapping, ...] = of(Many(IdMapping), default=())
    gid_mappings: tuple[IdMapping, ...] = of(Many(IdMapping), default=())
    time_offsets: TimeOffsets | None = of(TimeOffsets, default=None)
    devices: tuple[Device, ...] = of(Many(Device), default=())
    net_devices: dict[str, NetDevice] | None = of(Table(TEXT, NetDevice), default=None)
    cgroups_path: str | None = of(TEXT, default=None)
    resources: Resources | None = of(Resources, default=None)
    intel_rdt: IntelRdt | None = of(IntelRdt, default=None)
    memory_policy: MemoryPolicy | None = of(MemoryPolicy, default=None)
    sysctl: dict[str, str] | None = of(Table(TEXT, TEXT), default=None)
    seccomp: Seccomp | None = of(Seccomp, default=None)
    rootfs_propagation: str | None = of(TEXT, default=None)
    masked_paths: tuple[str, ...] = of(TEXTS, default=())
    readonly_paths: tuple[str, ...] = of(TEXTS, default=())
    mount_label: str | None = of(TEXT, default=None)
    personality: Personality | None = of(Personality, default=None)
