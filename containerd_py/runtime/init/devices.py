"""Device nodes, links and directories that a root must have."""

from __future__ import annotations

import errno
import os
import stat

from containerd_py.runtime.init import targets
from containerd_py.runtime.init.steps import Context, StepFailed, executes
from containerd_py.runtime.linux import mounts, paths
from containerd_py.runtime.plan import operations as op

_AT_FDCWD = -100
_OF_A_NODE = int(mounts.MountAttr.NOSUID | mounts.MountAttr.NOEXEC)
"""No file of the host's /dev is a program of the container."""
_KINDS = {"c": stat.S_IFCHR, "b": stat.S_IFBLK, "p": stat.S_IFIFO}


@executes(op.MakeDirectory)
def make_directory(context: Context, step: op.MakeDirectory) -> None:
    targets.directory(context, step.path).close()


@executes(op.MakeDevice)
def make_device(context: Context, step: op.MakeDevice) -> None:
    kind = _KINDS[step.kind]
    device = 0 if step.kind == "p" else os.makedev(step.major, step.minor)
    parent, name = targets.split(step.path)
    with targets.directory(context, parent) as directory:
        try:
            os.mknod(name, kind | step.mode, device, dir_fd=directory.fileno())
        except FileExistsError:
            _check_device(os.stat(name, dir_fd=directory.fileno(), follow_symlinks=False), name, kind, device)
            return
        if step.uid or step.gid:
            os.chown(name, step.uid, step.gid, dir_fd=directory.fileno(), follow_symlinks=False)


@executes(op.TakeNodes)
def take_nodes(context: Context, step: op.TakeNodes) -> None:
    """What is cloned must be mounted in the worker's own namespace (open_tree(2)); so it is, for a moment."""
    with context.take_handle("nodes") as nodes:
        with paths.openat2(_AT_FDCWD, "/", os.O_PATH | os.O_DIRECTORY, 0, paths.NO_RESTRICTION) as root:
            mounts.attach(nodes.fileno(), root.fileno())
        for key in step.keys:
            context.trees[key] = mounts.clone_tree(nodes.fileno(), str(-1 - key), recursive=False)
        mounts.detach(nodes.fileno())


@executes(op.BindDevice)
def bind_device(context: Context, step: op.BindDevice) -> None:
    with context.take_tree(step.key) as tree:
        device = os.makedev(step.major, step.minor)
        _check_device(os.fstat(tree.fileno()), step.path, _KINDS[step.kind], device)
        mounts.mount_setattr(tree.fileno(), add=_OF_A_NODE)
        with targets.place(context, step.path, is_directory=False) as target:
            mounts.attach(tree.fileno(), target.fileno())


@executes(op.MakeSymlink)
def make_symlink(context: Context, step: op.MakeSymlink) -> None:
    parent, name = targets.split(step.path)
    with targets.directory(context, parent) as directory:
        try:
            os.symlink(step.target, name, dir_fd=directory.fileno())
        except FileExistsError:
            return  # an image may bring its own; it leads nowhere but inside


def _check_device(found: os.stat_result, name: str, kind: int, device: int) -> None:
    if stat.S_IFMT(found.st_mode) != kind or found.st_rdev != device:
        raise StepFailed(errno.EEXIST, f"{name} exists and is another kind of file or device")
