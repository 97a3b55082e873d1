"""What CRIU leaves out of a container's mounts, put right before the container runs on.

Of several binds of one source with the same attributes CRIU sets those of the first alone (4.2, mount-v2.c: it compares
what they are to have, not what they have): a second read-only volume could be written to.
"""

from __future__ import annotations

import errno
import os

from containerd_py.runtime.linux.fd import Fd
from containerd_py.runtime.linux.mounts import MountAttr, mount_setattr
from containerd_py.runtime.linux.paths import open_in_root
from containerd_py.runtime.linux.process import Clone, setns, unshare
from containerd_py.runtime.linux.threads import on_own_thread
from containerd_py.runtime.plan import operations as op

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from containerd_py.runtime.plan.plan import Plan

_FS = Clone(0x200)  # CLONE_FS: setns(2) into a mount namespace asks for a root of the thread's own
_NO_MOUNT = (errno.ENOENT, errno.ENOTDIR, errno.EINVAL)
"""Nothing is masked there, or the container has unmounted what was."""
_PROTECTING = int(MountAttr.RDONLY | MountAttr.NOSUID | MountAttr.NODEV | MountAttr.NOEXEC | MountAttr.NOSYMFOLLOW)
_OF_MASKS = int(MountAttr.RDONLY | MountAttr.NOSUID | MountAttr.NOEXEC)


def attributes(plan: Plan) -> Iterator[tuple[str, int, bool]]:
    """Yield (place, bits of MountAttr, whether of all mounts below it too) of each mount that is protected by them."""
    for step in plan.operations:
        if isinstance(step, op.AttachTree):
            yield from ((step.target, step.below_add & _PROTECTING, True), (step.target, step.add & _PROTECTING, False))
        elif isinstance(step, op.MaskPath):
            yield step.path, _OF_MASKS, False


def put_right(plan: Plan, pid: int) -> None:
    """Set them in the mount namespace of a process, none of whose threads runs. Raises OSError."""

    def add() -> None:
        _enter(pid)
        for place, added, recursive in attributes(plan):
            if added:
                _add(place, added, recursive=recursive)

    on_own_thread(add, "mounts")


def _enter(pid: int) -> None:
    """On a thread of its own, which ends with it."""
    with Fd(os.open(f"/proc/{pid}/ns/mnt", os.O_RDONLY | os.O_CLOEXEC)) as namespace:
        unshare(_FS)
        setns(namespace.fileno(), Clone.NEWNS)


def _add(place: str, added: int, *, recursive: bool) -> None:
    with Fd(os.open("/", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)) as root:
        try:
            with open_in_root(root.fileno(), place, os.O_PATH) as found:
                mount_setattr(found.fileno(), add=added, recursive=recursive)
        except OSError as problem:
            if problem.errno not in _NO_MOUNT:
                raise
