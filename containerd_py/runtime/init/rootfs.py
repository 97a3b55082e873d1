"""The root file system: mounts, devices, links, masks; every path resolved from the root's descriptor."""

from __future__ import annotations

import errno
import os
import stat
from typing import TYPE_CHECKING

from containerd_py.runtime.init.steps import Context, Stencil, StepFailed, check_null, executes, restriction_for
from containerd_py.runtime.linux import mounts, paths
from containerd_py.runtime.linux.mounts import MountAttr
from containerd_py.runtime.plan import operations as op

if TYPE_CHECKING:
    from containerd_py.runtime.linux.fd import Fd

_AT_FDCWD = -100
_ABSENT = (errno.ENOENT, errno.ENOTDIR)


@executes(op.SetPropagation)
def set_propagation(_context: Context, step: op.SetPropagation) -> None:
    with paths.openat2(_AT_FDCWD, "/", os.O_PATH, 0, paths.NO_RESTRICTION) as root:
        mounts.mount_setattr(root.fileno(), propagation=step.propagation, recursive=True)


@executes(op.CloneTree)
def clone_tree(context: Context, step: op.CloneTree) -> None:
    context.trees[step.key] = mounts.clone_tree(_AT_FDCWD, step.source, recursive=step.recursive)


@executes(op.CloneNull)
def clone_null(context: Context, _step: op.CloneNull) -> None:
    tree = mounts.clone_tree(_AT_FDCWD, "/dev/null", recursive=False)
    check_null(tree.fileno())
    # It is the host's own inode: written to as a device, but its mode, owner and times are not the payload's to change.
    mounts.mount_setattr(tree.fileno(), add=MountAttr.RDONLY | MountAttr.NOSUID | MountAttr.NOEXEC)
    context.null = Stencil(tree)


@executes(op.AttachRoot)
def attach_root(context: Context, step: op.AttachRoot) -> None:
    with paths.openat2(_AT_FDCWD, step.path, os.O_PATH | os.O_DIRECTORY, 0, paths.Resolve.NO_SYMLINKS) as directory:
        context.root = mounts.clone_tree(directory.fileno(), "", recursive=True)
        if step.attributes:
            mounts.mount_setattr(context.root.fileno(), add=step.attributes, recursive=True)
        mounts.attach(context.root.fileno(), directory.fileno())


@executes(op.MountFilesystem)
def mount_filesystem(context: Context, step: op.MountFilesystem) -> None:
    options = (("source", step.source), *step.options)
    tree = mounts.new_filesystem(step.fstype, options, MountAttr(step.attributes))
    with _directory(context, step.target) as target:
        mounts.attach(tree.fileno(), target.fileno())
    if step.propagation:
        mounts.mount_setattr(tree.fileno(), propagation=step.propagation)
    if step.fstype == "devpts":
        context.devpts = tree
    else:
        tree.close()


@executes(op.AttachTree)
def attach_tree(context: Context, step: op.AttachTree) -> None:
    with context.trees.pop(step.key) as tree:
        if step.below_add or step.below_remove:
            mounts.mount_setattr(tree.fileno(), add=step.below_add, remove=step.below_remove, recursive=True)
        if step.add or step.remove:
            mounts.mount_setattr(tree.fileno(), add=step.add, remove=step.remove)
        is_directory = stat.S_ISDIR(os.fstat(tree.fileno()).st_mode)
        with (_directory if is_directory else _file)(context, step.target) as target:
            mounts.attach(tree.fileno(), target.fileno())
        if step.propagation:
            mounts.mount_setattr(tree.fileno(), propagation=step.propagation, recursive=step.propagation_recursive)


@executes(op.MakeDirectory)
def make_directory(context: Context, step: op.MakeDirectory) -> None:
    _directory(context, step.path).close()


@executes(op.MakeDevice)
def make_device(context: Context, step: op.MakeDevice) -> None:
    kind = {"c": stat.S_IFCHR, "b": stat.S_IFBLK, "p": stat.S_IFIFO}[step.kind]
    device = 0 if step.kind == "p" else os.makedev(step.major, step.minor)
    parent, name = _split(step.path)
    with _directory(context, parent) as directory:
        try:
            os.mknod(name, kind | step.mode, device, dir_fd=directory.fileno())
        except FileExistsError:
            _check_device(directory.fileno(), name, kind, device)
            return
        if step.uid or step.gid:
            os.chown(name, step.uid, step.gid, dir_fd=directory.fileno(), follow_symlinks=False)


@executes(op.MakeSymlink)
def make_symlink(context: Context, step: op.MakeSymlink) -> None:
    parent, name = _split(step.path)
    with _directory(context, parent) as directory:
        try:
            os.symlink(step.target, name, dir_fd=directory.fileno())
        except FileExistsError:
            return  # an image may bring its own; it leads nowhere but inside


@executes(op.PivotRoot)
def pivot_root(context: Context, _step: op.PivotRoot) -> None:
    mounts.pivot_root(context.root_fd())


@executes(op.ReadonlyRoot)
def readonly_root(context: Context, _step: op.ReadonlyRoot) -> None:
    mounts.mount_setattr(context.root_fd(), add=MountAttr.RDONLY)


@executes(op.ReadonlyPath)
def readonly_path(context: Context, step: op.ReadonlyPath) -> None:
    target = _existing(context, step.path)
    if target is None:
        return
    with target, mounts.clone_tree(target.fileno(), "", recursive=True) as tree:
        mounts.mount_setattr(tree.fileno(), add=MountAttr.RDONLY, recursive=True)
        mounts.attach(tree.fileno(), target.fileno())


@executes(op.MaskPath)
def mask_path(context: Context, step: op.MaskPath) -> None:
    target = _existing(context, step.path)
    if target is None:
        return
    with target:
        is_directory = stat.S_ISDIR(os.fstat(target.fileno()).st_mode)
        (_empty(context) if is_directory else _null(context)).put(target.fileno())


def _empty(context: Context) -> Stencil:
    """The read-only, empty tmpfs that hides directories: one for all of a container's masks."""
    if context.empty is None:
        attributes = MountAttr.RDONLY | MountAttr.NOSUID | MountAttr.NODEV | MountAttr.NOEXEC
        context.empty = Stencil(mounts.new_filesystem("tmpfs", (("size", "0"), ("nr_inodes", "1")), attributes))
    return context.empty


def _null(context: Context) -> Stencil:
    if context.null is None:
        raise StepFailed(errno.ENODEV, "the plan masks a file before it took /dev/null")
    return context.null


def _existing(context: Context, path: str) -> Fd | None:
    """Open what a mask or a read-only path names; None where the root has no such thing."""
    try:
        return paths.open_in_root(context.root_fd(), path, os.O_PATH, resolve=restriction_for(path))
    except OSError as problem:
        if problem.errno in _ABSENT:
            return None
        raise


def _directory(context: Context, path: str) -> Fd:
    return paths.make_directories_in_root(context.root_fd(), path, resolve=restriction_for(path))


def _file(context: Context, path: str) -> Fd:
    """Open the file at `path`, made empty if nothing stands there: a target for a bind."""
    restriction = restriction_for(path)
    try:
        return paths.open_in_root(context.root_fd(), path, os.O_PATH, resolve=restriction)
    except FileNotFoundError:
        parent, name = _split(path)
    with _directory(context, parent) as directory:
        flags = os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_NOFOLLOW
        return paths.openat2(directory.fileno(), name, flags, 0o644, paths.Resolve.BENEATH)


def _split(path: str) -> tuple[str, str]:
    parent, _, name = path.rstrip("/").rpartition("/")
    return parent or "/", name


def _check_device(directory: int, name: str, kind: int, device: int) -> None:
    found = os.stat(name, dir_fd=directory, follow_symlinks=False)
    if stat.S_IFMT(found.st_mode) != kind or found.st_rdev != device:
        raise StepFailed(errno.EEXIST, f"{name} exists and is another kind of file or device")
