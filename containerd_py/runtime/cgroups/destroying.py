"""Ending a container's cgroup, with everything in it."""

from __future__ import annotations

from containerd_py.runtime.cgroups.directories import await_removal, hidden, remove, remove_parents, remove_wait
from containerd_py.runtime.cgroups.killing import kill
from containerd_py.runtime.cgroups.members import populated

TYPE_CHECKING = False
if TYPE_CHECKING:
    from containerd_py.runtime.cgroups.cgroup import Cgroup

_REMOVAL_S = 5.0
_SCOPE_S = 2.0


def remove_left(cgroup: Cgroup) -> bool:
    """Remove what stayed of one that was destroyed, once nobody lives in it; return whether that is so.

    Nothing is killed: what lived in it was, and whoever has moved in since is somebody else's.
    """
    if any(populated(path) for path in cgroup.paths) or not remove(cgroup):
        return False
    remove_parents(cgroup)
    return True


def destroy(cgroup: Cgroup) -> None:
    """Kill what is in it, remove it, and the parents that were made for it as far as they are empty.

    Without a pid namespace, processes may have outlived the payload. Raises Unavailable where it stays busy. What is not to
    be seen from here is passed over, as by runc, but told.
    """
    kill(cgroup)
    if cgroup.scope:
        await_removal(cgroup, timeout_s=_SCOPE_S)
    # Again and again: a spawner that was killed may have left a stage, which clones a worker into it even now.
    remove_wait(cgroup, timeout_s=_REMOVAL_S, meanwhile=kill)
    remove_parents(cgroup)
    if lost := hidden(cgroup):
        import logging  # seldom needed, and not cheap

        told = "cannot tell whether cgroup %r is gone: its hierarchy is not mounted here"
        for path in lost:
            logging.getLogger(__name__).warning(told, path)
