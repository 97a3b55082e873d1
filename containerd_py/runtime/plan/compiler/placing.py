"""What the parent decided, and knows of the host, before it compiles."""

from __future__ import annotations

from containerd_py.light.dataclasses import dataclass

TYPE_CHECKING = False
if TYPE_CHECKING:
    from containerd_py.runtime.plan.operations import Option


@dataclass(frozen=True)
class Hierarchy:
    """A cgroup v1 hierarchy in which the container has a cgroup.

    name: of its directory below /sys/fs/cgroup, "cpu,cpuacct"; options: what tells it from others when it is mounted;
    path: the container's cgroup in it, as the host sees it.
    """

    name: str
    options: tuple[Option, ...]
    path: str


@dataclass(frozen=True)
class CgroupTree:
    """Where the container's cgroup lies on the host. v2: its directory, None where cgroup v2 is not mounted.

    shared: it is that of whoever makes the container, which gets none of its own.
    """

    v2: str | None = None
    v1: tuple[Hierarchy, ...] = ()
    shared: bool = False


@dataclass(frozen=True)
class Placing:
    """What the parent decided: the root's path on the host, the container's id, how many v1 cgroups are to be joined.

    rendezvous: the container is started at a socket, by whoever comes; preserved: how many descriptors the payload gets
    beyond its streams; may_drop_groups: in a new user namespace setgroups(2) is allowed.
    bundle: what relative sources are relative to; none are taken where it is empty. cgroups: for mounts of type cgroup.
    privileged: the parent may clone mounts (CAP_SYS_ADMIN over its mount namespace), and does so for a worker in a user
    namespace. makes_devices: mknod(2) is allowed, which it is to nobody in a user namespace; makes_nodes: nodes that the
    parent makes are devices. selinux: it is in force, so that linux.mountLabel can be.
    new_keyring: the payload has a session keyring of its own, and not the caller's.
    scope: the unit of systemd's that makes the cgroup, while the worker is at work; v1_cgroups are those beside it.
    no_pivot: the root is moved over the host's.
    """

    rootfs: str
    container_id: str
    v1_cgroups: int
    rendezvous: bool = False
    preserved: int = 0
    may_drop_groups: bool = True
    bundle: str = ""
    cgroups: CgroupTree = CgroupTree()
    privileged: bool = True
    makes_devices: bool = True
    makes_nodes: bool = False
    selinux: bool = False
    scope: str = ""
    no_pivot: bool = False
    new_keyring: bool = True
