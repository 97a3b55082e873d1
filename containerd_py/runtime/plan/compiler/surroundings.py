"""What a document says of the world that its mounts are made in."""

from __future__ import annotations

from containerd_py.errors import NotSupported
from containerd_py.light.dataclasses import dataclass
from containerd_py.runtime.plan.compiler.namespaces import user_mapping
from containerd_py.runtime.spec.defaults import SOURCES_ANNOTATION

TYPE_CHECKING = False
if TYPE_CHECKING:
    from containerd_py.runtime.plan.compiler.placing import CgroupTree, Placing
    from containerd_py.runtime.plan.plan import UserMapping
    from containerd_py.runtime.spec.models import Spec


@dataclass(frozen=True)
class Surroundings:
    """user: the worker is root of a user namespace. passing: the parent hands it what it may not reach itself.

    mapping, user_path: the ids of that namespace, or where it is joined. own_mounts: the mount namespace is new.
    own_network: the user namespace owns the network namespace. rootfs: the root's path on the host. label: SELinux label
    of all mounts that take one. straight: no symlink may stand on the way to a bind's source. bound_devices: they are the
    host's.
    """

    user: bool
    passing: bool
    mapping: UserMapping | None
    user_path: str
    own_mounts: bool
    own_cgroup: bool
    own_network: bool
    cgroups: CgroupTree
    bundle: str
    rootfs: str
    label: str
    straight: bool
    bound_devices: bool


def surroundings(spec: Spec, placing: Placing) -> Surroundings:
    """Raises NotSupported for a label that no mount would get."""
    kinds = {namespace.type: namespace.path or "" for namespace in spec.linux.namespaces}
    user = "user" in kinds
    label = spec.linux.mount_label or ""
    if label and not placing.selinux:
        raise NotSupported(
            f"cannot label mounts {label!r} (linux.mountLabel): SELinux is not in force on this host", step="validate"
        )
    return Surroundings(
        user=user,
        passing=user and placing.privileged,
        mapping=user_mapping(spec),
        user_path=kinds.get("user", ""),
        own_mounts=not kinds.get("mount"),
        own_cgroup="cgroup" in kinds,
        # A network namespace that is joined belongs to whoever made it; a user namespace that is joined may own it.
        own_network="network" in kinds and (not kinds["network"] or bool(kinds.get("user"))),
        cgroups=placing.cgroups,
        bundle=placing.bundle,
        rootfs=placing.rootfs,
        label=label,
        straight=spec.annotations.get(SOURCES_ANNOTATION) == "no-symlinks",
        bound_devices=user or not placing.makes_devices,
    )
