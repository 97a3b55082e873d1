"""What a container has of its host beyond the usual, and what it has less: capabilities, devices, namespaces, limits."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from containerd_py.wire.common import AbsolutePath, Strings, Text, Wire

NamespaceMode = Literal["private", "host"]
Confinement = Literal["default", "unconfined"]

_MOST_DEVICES = 1024


class DeviceSpec(Wire):
    """A device of the host. target: its path in the container, the same where it is not given. access: of r, w and m."""

    path: AbsolutePath
    target: AbsolutePath | None = None
    access: Annotated[str, StringConstraints(pattern=r"^[rwm]{1,3}$")] = "rwm"


class Ulimit(Wire):
    """A limit of setrlimit(2); -1 is none."""

    soft: Annotated[int, Field(ge=-1, le=2**63 - 1)]
    hard: Annotated[int, Field(ge=-1, le=2**63 - 1)]


class Isolation(Wire):
    """Part of the friendly form. Left out, all of it is as safe as can be."""

    privileged: bool = False
    """All capabilities and devices that the daemon has, no filter, nothing masked: root in it is root of the host."""
    cap_add: Strings = ()
    """"NET_ADMIN" or "CAP_NET_ADMIN", or "ALL", beside the usual ones."""
    cap_drop: Strings = ()
    """Of the usual ones and those added; with "ALL" those stay that are added by name."""
    no_new_privileges: bool = True
    seccomp: Confinement = "default"
    system_paths: Confinement = "default"
    """ "unconfined": nothing of /proc and /sys is masked or read-only."""
    devices: Annotated[tuple[DeviceSpec, ...], Field(strict=False, max_length=_MOST_DEVICES)] = ()
    additional_groups: Strings = ()
    """Numbers, or names of the container's /etc/group."""
    ulimits: dict[Text, Ulimit] = Field(default_factory=dict)
    """By the names of setrlimit(2), in small letters: "nofile"."""
    sysctls: dict[Text, Text] = Field(default_factory=dict)
    """Of the container's own namespaces."""
    oom_score_adj: Annotated[int, Field(ge=-1000, le=1000)] | None = None
    shm_size_bytes: Annotated[int, Field(ge=4096, le=2**63 - 1)] | None = None
    """Of the tmpfs on /dev/shm; 64 MiB where it is not given."""
    pid: NamespaceMode = "private"
    ipc: NamespaceMode = "private"
    uts: NamespaceMode = "private"
    cgroup: NamespaceMode = "private"

    @model_validator(mode="after")
    def _what_is_the_hosts_has_its_size(self) -> Self:
        if self.ipc == "host" and self.shm_size_bytes is not None:
            raise ValueError("shm_size_bytes and ipc ask for the opposite: with the host's ipc /dev/shm is the host's")
        return self
