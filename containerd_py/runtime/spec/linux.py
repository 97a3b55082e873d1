"""The `linux` object (config-linux.md)."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from containerd_py.runtime.spec.base import Id, Many, Oci, Signed, Text, Unsigned

NamespaceType = Literal["pid", "network", "mount", "ipc", "uts", "user", "cgroup", "time"]


class Namespace(Oci):
    type: NamespaceType
    path: Text | None = None


class IdMapping(Oci):
    container_id: Annotated[int, Field(alias="containerID", ge=0, le=2**32 - 1)]
    host_id: Annotated[int, Field(alias="hostID", ge=0, le=2**32 - 1)]
    size: Annotated[int, Field(ge=1, le=2**32 - 1)]


class Device(Oci):
    """A device to make. major, minor: as far as the kernel counts (MINORBITS). file_mode: permission bits."""

    type: Literal["c", "b", "u", "p"]
    path: Text
    major: Annotated[int, Field(ge=0, le=2**12 - 1)] = 0
    minor: Annotated[int, Field(ge=0, le=2**20 - 1)] = 0
    file_mode: Annotated[int, Field(ge=0, le=0o7777)] | None = None
    uid: Id | None = None
    gid: Id | None = None


class DeviceRule(Oci):
    """A line of the device controller's list; no type means all, no number means any."""

    allow: bool
    type: Literal["a", "b", "c"] | None = None
    major: Signed | None = None
    minor: Signed | None = None
    access: Annotated[str, Field(pattern=r"^[rwm]{1,3}$")] | None = None


class Pids(Oci):
    limit: Signed | None = None


class Resources(Oci):
    """Only `pids` and `devices` are served so far; the rest is held as given, so that it can be refused by name."""

    pids: Pids | None = None
    devices: Many[DeviceRule] = ()
    memory: dict[str, Any] | None = None
    cpu: dict[str, Any] | None = None
    block_io: Annotated[dict[str, Any] | None, Field(alias="blockIO")] = None
    hugepage_limits: list[Any] | None = None
    network: dict[str, Any] | None = None
    rdma: dict[str, Any] | None = None
    unified: dict[str, Any] | None = None


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


class SeccompArgument(Oci):
    index: Annotated[int, Field(ge=0, le=5)]
    value: Unsigned
    value_two: Unsigned = 0
    op: SeccompOperator


class SeccompRule(Oci):
    names: Annotated[tuple[Text, ...], Field(strict=False, min_length=1)]
    action: SeccompAction
    errno_ret: Annotated[int, Field(ge=0, le=4095)] | None = None
    args: Many[SeccompArgument] = ()


class Seccomp(Oci):
    default_action: SeccompAction
    default_errno_ret: Annotated[int, Field(ge=0, le=4095)] | None = None
    architectures: Many[Text] = ()
    flags: Many[Text] = ()
    listener_path: Text | None = None
    listener_metadata: Text | None = None
    syscalls: Many[SeccompRule] = ()


class Linux(Oci):
    namespaces: Many[Namespace] = ()
    uid_mappings: Many[IdMapping] = ()
    gid_mappings: Many[IdMapping] = ()
    time_offsets: dict[str, Any] | None = None
    devices: Many[Device] = ()
    net_devices: dict[str, Any] | None = None
    cgroups_path: Text | None = None
    resources: Resources | None = None
    intel_rdt: dict[str, Any] | None = None
    memory_policy: dict[str, Any] | None = None
    sysctl: dict[str, Any] | None = None
    seccomp: Seccomp | None = None
    rootfs_propagation: Text | None = None
    masked_paths: Many[Text] = ()
    readonly_paths: Many[Text] = ()
    mount_label: Text | None = None
    personality: dict[str, Any] | None = None
