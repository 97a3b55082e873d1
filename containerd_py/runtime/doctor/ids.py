"""User namespaces and the mapping of ids."""

from __future__ import annotations

import errno
import os
import shutil

from containerd_py.errors import ContainerdError
from containerd_py.runtime import userns
from containerd_py.runtime.doctor.finding import Finding, State
from containerd_py.runtime.linux import mounts
from containerd_py.runtime.plan.plan import IdRange, UserMapping

TYPE_CHECKING = False
if TYPE_CHECKING:
    from containerd_py.runtime.doctor.finding import Host

_AT_FDCWD = -100
_RANGE = (IdRange(0, 100_000, 65_536),)


def user_namespaces(host: Host) -> Finding:
    """user.max_user_namespaces; kernel.unprivileged_userns_clone is Debian's, the other one AppArmor's (Ubuntu)."""
    most = host.number("proc/sys/user/max_user_namespaces")
    if not host.has("proc/self/ns/user") or most == 0:
        meaning = "containers with a user namespace are refused, root's and rootless ones"
        return Finding(State.WARN, "none can be made", meaning, "sysctl user.max_user_namespaces=15000")
    for name, forbids in (
        ("kernel.unprivileged_userns_clone", "0"),
        ("kernel.apparmor_restrict_unprivileged_userns", "1"),
    ):
        found = host.text(f"proc/sys/{name.replace('.', '/')}")
        if found == forbids:
            allowed = {"0": "1", "1": "0"}[forbids]
            meaning = "root can make them; ordinary users cannot run rootless containers"
            return Finding(State.WARN, f"{name} is {found}", meaning, f"sysctl {name}={allowed}")
    return Finding(State.OK, f"up to {most}" if most else "there", "containers may have one, and users rootless containers")


def mapping_programs(host: Host) -> Finding:
    missing = [name for name in ("newuidmap", "newgidmap") if shutil.which(name, path=host.path) is None]
    if missing:
        meaning = "ordinary users get containers with a single id"
        return Finding(State.WARN, f"no {' and no '.join(missing)}", meaning, "install uidmap (Debian) or shadow-utils")
    return Finding(State.OK, "newuidmap, newgidmap", "ordinary users get the ids that /etc/subuid and /etc/subgid grant")


def idmapped_mounts(host: Host) -> Finding:
    """By trying it on the data directory's file system; the mount is attached nowhere."""
    if os.geteuid() != 0:
        return Finding(State.WARN, "not tried", "only root maps the ids of mounts", "run the daemon as root")
    try:
        with (
            mounts.clone_tree(_AT_FDCWD, host.data_dir, recursive=False) as tree,
            userns.user_namespace(UserMapping(_RANGE, _RANGE)) as namespace,
        ):
            mounts.map_ids(tree.fileno(), namespace.fileno(), recursive=False)
    except ContainerdError as problem:
        return Finding(State.WARN, "not tried", problem.message, problem.hint)
    except OSError as problem:
        if problem.errno not in (errno.EINVAL, errno.EPERM, errno.ENOSYS):
            raise
        meaning = f"mounts of {host.data_dir} with idmap are refused: {os.strerror(problem.errno)}"
        return Finding(
            State.WARN, "not there", meaning, "ext4, xfs and btrfs have them, overlay from Linux 5.19, tmpfs from 6.3"
        )
    return Finding(State.OK, f"on the file system of {host.data_dir}", "binds may show files with other owners")
