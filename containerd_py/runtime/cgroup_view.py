"""Which parts of the host's cgroup hierarchies a container may be shown: those that it has a cgroup of its own in.

Another hierarchy would show, and let it change, the cgroup of whoever made the container. Where it has none at all, that
is the one it is in, and it may see it.
"""

from __future__ import annotations

import os

from containerd_py.runtime.plan.compiler.placing import CgroupTree, Hierarchy

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from containerd_py.runtime.cgroups.layout import Layout
    from containerd_py.runtime.cgroups.manager import Cgroup
    from containerd_py.runtime.spec.models import Spec


def mounts_cgroups(spec: Spec) -> bool:
    """Tell whether the compiler needs to know of cgroups at all."""
    return any(mount.type in ("cgroup", "cgroup2") for mount in spec.mounts)


def shown_controllers(spec: Spec, layout: Layout) -> tuple[str, ...]:
    """Return the hierarchies of cgroup v1 that are looked for where cgroups are among a container's mounts: all.

    By what is bound to them, `name=systemd` too, which a service manager inside needs. But for `cpu`, where it would keep
    the process from the policy that it asks for (sched(7), CONFIG_RT_GROUP_SCHED).
    """
    if not any(mount.type == "cgroup" for mount in spec.mounts):
        return ()
    scheduler = spec.process.scheduler if spec.process is not None else None
    realtime = scheduler is not None and scheduler.policy in ("SCHED_FIFO", "SCHED_RR")
    apart = layout.v1.get("cpu") if realtime else None
    return tuple(name for name, mount in layout.hierarchies.items() if mount != apart)


def cgroup_tree(layout: Layout, cgroup: Cgroup) -> CgroupTree:
    """Return what the compiler needs to mount cgroups."""
    if not cgroup.paths:
        return _of_caller(layout)
    return CgroupTree(cgroup.v2, tuple(sorted(_hierarchies(layout, cgroup), key=lambda one: one.name)))


def _of_caller(layout: Layout) -> CgroupTree:
    own = {mount: layout.own.get(mount, mount) for mount in layout.v1.values()}
    shown = sorted((_hierarchy(layout, mount, path) for mount, path in own.items()), key=lambda one: one.name)
    return CgroupTree(layout.v2 and layout.own.get(layout.v2, layout.v2), tuple(shown), shared=True)


def _hierarchies(layout: Layout, cgroup: Cgroup) -> Iterator[Hierarchy]:
    for mount in dict.fromkeys(layout.hierarchies.values()):
        own = [path for path in cgroup.v1 if path.startswith(f"{mount}/")]
        if own:
            yield _hierarchy(layout, mount, own[0])


def _hierarchy(layout: Layout, mount: str, path: str) -> Hierarchy:
    bound = [name.partition("=") for name, place in layout.hierarchies.items() if place == mount]
    return Hierarchy(os.path.basename(mount), tuple((key, value or None) for key, _sign, value in bound), path)
