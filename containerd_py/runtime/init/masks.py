"""What protects a finished root: read-only places, and places that are hidden (SECURITY R7)."""

from __future__ import annotations

import errno
import os
import stat

from containerd_py.runtime.init import targets
from containerd_py.runtime.init.steps import Context, Stencil, StepFailed, check_null, executes
from containerd_py.runtime.linux import mounts
from containerd_py.runtime.linux.mounts import MountAttr, Options
from containerd_py.runtime.plan import operations as op

_AT_FDCWD = -100


@executes(op.CloneNull)
def clone_null(context: Context, _step: op.CloneNull) -> None:
    tree = mounts.clone_tree(_AT_FDCWD, "/dev/null", recursive=False)
    check_null(tree.fileno())
    # It is the host's own inode: written to as a device, but its mode, owner and times are not the payload's to change.
    mounts.mount_setattr(tree.fileno(), add=MountAttr.RDONLY | MountAttr.NOSUID | MountAttr.NOEXEC)
    context.null = Stencil(tree)


@executes(op.ReadonlyRoot)
def readonly_root(context: Context, _step: op.ReadonlyRoot) -> None:
    mounts.mount_setattr(context.root_fd(), add=MountAttr.RDONLY)


@executes(op.ReadonlyPath)
def readonly_path(context: Context, step: op.ReadonlyPath) -> None:
    target = targets.existing(context, step.path)
    if target is None:
        return
    with target, mounts.clone_tree(target.fileno(), "", recursive=True) as tree:
        mounts.mount_setattr(tree.fileno(), add=MountAttr.RDONLY, recursive=True)
        mounts.attach(tree.fileno(), target.fileno())


@executes(op.MaskPath)
def mask_path(context: Context, step: op.MaskPath) -> None:
    target = targets.existing(context, step.path)
    if target is None:
        return
    with target:
        is_directory = stat.S_ISDIR(os.fstat(target.fileno()).st_mode)
        (_empty(context, step.label) if is_directory else _null(context)).put(target.fileno())


def _empty(context: Context, label: str) -> Stencil:
    """The read-only, empty tmpfs that hides directories: one for all of a container's masks."""
    if context.empty is None:
        attributes = MountAttr.RDONLY | MountAttr.NOSUID | MountAttr.NODEV | MountAttr.NOEXEC
        options: Options = (("size", "0"), ("nr_inodes", "1"))
        labelled: Options = (("context", label),) if label else ()
        context.empty = Stencil(mounts.new_filesystem("tmpfs", (*options, *labelled), attributes))
    return context.empty


def _null(context: Context) -> Stencil:
    if context.null is None:
        raise StepFailed(errno.ENODEV, "the plan masks a file before it took /dev/null")
    return context.null
