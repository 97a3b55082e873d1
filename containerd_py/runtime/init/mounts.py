"""The mounts of the document: made detached, changed, then attached inside the root."""

from __future__ import annotations

import errno
import os
import stat

from containerd_py.light import contextlib
from containerd_py.runtime.init import copy_up, dialogue, targets
from containerd_py.runtime.init.steps import Context, StepFailed, executes, restriction_for
from containerd_py.runtime.linux import mounts, paths
from containerd_py.runtime.linux.fd import Fd
from containerd_py.runtime.linux.mounts import MountAttr
from containerd_py.runtime.linux.statfs import DEVPTS_SUPER_MAGIC, PROC_SUPER_MAGIC, SYSFS_MAGIC, filesystem_magic
from containerd_py.runtime.plan import operations as op

_AT_FDCWD = -100
_LOCKABLE = MountAttr.RDONLY | MountAttr.NOSUID | MountAttr.NODEV | MountAttr.NOEXEC | MountAttr.ATIME_MASK
_ROOT_OPTIONS = ("mode", "uid", "gid")  # of the root of a tmpfs
_KERNELS_OWN = (PROC_SUPER_MAGIC, SYSFS_MAGIC, DEVPTS_SUPER_MAGIC)


@executes(op.CloneTree)
def clone_tree(context: Context, step: op.CloneTree) -> None:
    if not (step.passed or step.straight):
        tree = mounts.clone_tree(_AT_FDCWD, step.source, recursive=step.recursive, follow=step.follow)
    else:
        with _source(context, step) as place:
            tree = mounts.clone_tree(place.fileno(), "", recursive=step.recursive)
    context.trees[step.key] = tree


def _source(context: Context, step: op.CloneTree) -> Fd:
    if step.passed:
        return context.take_handle(f"source{step.key}")
    return paths.openat2(_AT_FDCWD, step.source, os.O_PATH, 0, paths.Resolve.NO_SYMLINKS)


@executes(op.CloneInside)
def clone_inside(context: Context, step: op.CloneInside) -> None:
    flags = os.O_PATH | (0 if step.follow else os.O_NOFOLLOW)
    with paths.open_in_root(context.root_fd(), step.source, flags, resolve=restriction_for(step.source)) as place:
        tree = mounts.clone_tree(place.fileno(), "", recursive=step.recursive)
    context.trees[step.key] = tree
    if step.mapped:  # of a detached tree alone, and by whoever has privilege over its file system (mount_setattr(2))
        with context.take_handle(f"ids{step.key}") as namespace:
            dialogue.send_unmapped(context.control, step.key, tree.fileno(), namespace.fileno())
        if not dialogue.await_mapped(context.control):
            os._exit(1)


@executes(op.MountFilesystem)
def mount_filesystem(context: Context, step: op.MountFilesystem) -> None:
    options = (("source", step.source), *step.options)
    if step.inherit_mode:
        options = (*options, *_mode_of(context, step.target))
    tree = mounts.new_filesystem(step.fstype, options, MountAttr(step.attributes))
    own = _own(context, step)
    with targets.place(context, step.target, is_directory=True) as target:
        if step.label:
            _set_label(tree.fileno(), step.label)
        if step.copy_up:
            copy_up.copy_directory(target.fileno(), tree.fileno(), own)
        mounts.attach(tree.fileno(), target.fileno())
    if step.propagation:
        mounts.mount_setattr(tree.fileno(), propagation=step.propagation)
    if step.fstype == "devpts":
        context.devpts = tree
    else:
        tree.close()


def _mode_of(context: Context, path: str) -> mounts.Options:
    """A tmpfs looks like the directory that it hides, as with runc and crun; where there is none it has its own default."""
    target = targets.existing(context, path)
    if target is None:
        return ()
    with target:
        return (("mode", f"{stat.S_IMODE(os.fstat(target.fileno()).st_mode):o}"),)


def _own(context: Context, step: op.MountFilesystem) -> frozenset[str]:
    """Return what a copy has not from the directory that it hides: what options say, and all where none is there yet."""
    hidden = targets.existing(context, step.target) if step.copy_up else None
    if hidden is None:
        return frozenset(_ROOT_OPTIONS)
    hidden.close()
    return frozenset(key for key, _value in step.options if key in _ROOT_OPTIONS)


def _set_label(tree: int, label: str) -> None:
    with paths.openat2(tree, ".", os.O_RDONLY | os.O_DIRECTORY, 0, paths.Resolve.BENEATH) as root:
        os.setxattr(root.fileno(), "security.selinux", label.encode())


@executes(op.AttachTree)
def attach_tree(context: Context, step: op.AttachTree) -> None:
    with context.take_tree(step.key) as tree:
        found = os.fstat(tree.fileno())
        if step.copy_symlink and stat.S_ISLNK(found.st_mode):
            _copy_symlink(context, tree.fileno(), step.target)
            return
        if step.filesystem and filesystem_magic(tree.fileno()) != step.filesystem:
            raise StepFailed(errno.EINVAL, f"{step.source} is no file system of the kind that belongs on {step.target}")
        _take_away(tree.fileno(), step.unsaid)
        _set_attributes(tree.fileno(), step)
        with _target(context, step, is_directory=stat.S_ISDIR(found.st_mode)) as target, _in_turn(tree) as own:
            mounts.attach(own.fileno(), target.fileno())
            _set_propagation(own.fileno(), step)


def _in_turn(tree: Fd) -> Fd:
    """Return a clone of a tree that was taken before the root was built; it is the caller's.

    mountinfo lists mounts by when they were made (Linux 6.8), and there the order is looked for that the document has.
    Before Linux 6.15 no detached mount can be cloned: then it is attached itself.
    """
    try:
        return mounts.clone_tree(tree.fileno(), "", recursive=True)
    except OSError:
        return Fd(os.dup(tree.fileno()))


def _target(context: Context, step: op.AttachTree, *, is_directory: bool) -> Fd:
    if step.follow:
        return targets.place(context, step.target, is_directory=True) if is_directory else _file(context, step.target)
    target = targets.unfollowed(context, step.target)
    if filesystem_magic(target.fileno()) in _KERNELS_OWN:  # a magic link is no place to mount on
        target.close()
        raise StepFailed(errno.ELOOP, f"{step.target} lies on proc, sysfs or devpts")
    return target


def _file(context: Context, path: str) -> Fd:
    target = targets.place(context, path, is_directory=False)
    if stat.S_ISDIR(os.fstat(target.fileno()).st_mode):  # EINVAL, says move_mount(2), of which there are many
        target.close()
        raise StepFailed(errno.ENOTDIR, f"{path} is a directory, and the source is not")
    return target


def _copy_symlink(context: Context, link: int, path: str) -> None:
    """Make a symlink like the open one; one that says the same may be there."""
    content = os.readlink("", dir_fd=link)
    parent, name = targets.split(path)
    with targets.directory(context, parent) as directory:
        try:
            os.symlink(content, name, dir_fd=directory.fileno())
        except FileExistsError:
            if _content(directory.fileno(), name) != content:
                raise StepFailed(errno.EEXIST, f"{path} is there, and no symlink to {content!r}") from None


def _content(directory: int, name: str) -> str | None:
    try:
        return os.readlink(name, dir_fd=directory)
    except OSError:
        return None  # not a symlink


@executes(op.Remount)
def remount(context: Context, step: op.Remount) -> None:
    target = targets.existing(context, step.target)
    if target is None:
        raise StepFailed(errno.ENOENT, f"nothing is mounted on {step.target}")
    with target:
        if step.reconfigure:
            mounts.reconfigure(target.fileno(), step.options)
        _set_attributes(target.fileno(), step)
        _set_propagation(target.fileno(), step)


def _take_away(tree: int, unsaid: int) -> None:
    """All at once, else one by one, as far as they are not locked."""
    if not unsaid:
        return
    try:
        mounts.mount_setattr(tree, remove=unsaid)
    except PermissionError:
        for attribute in MountAttr(unsaid):
            with contextlib.suppress(PermissionError):
                mounts.mount_setattr(tree, remove=attribute)


def _set_attributes(tree: int, step: op.AttachTree | op.Remount) -> None:
    try:
        if step.below_add or step.below_remove:
            mounts.mount_setattr(tree, add=step.below_add, remove=step.below_remove, recursive=True)
        if step.add or step.remove:
            mounts.mount_setattr(tree, add=step.add, remove=step.remove)
    except PermissionError as problem:
        locked = MountAttr((step.below_remove | step.remove) & _LOCKABLE)
        if not locked:
            raise
        # What a mount had when it came into this user namespace cannot be taken away (mount_namespaces(7), "Restrictions").
        text = f"{problem.strerror}; the source's mount may have one of {locked!r}, locked in this user namespace"
        raise StepFailed(errno.EPERM, text) from problem


def _set_propagation(tree: int, step: op.AttachTree | op.Remount) -> None:
    if step.propagation:
        mounts.mount_setattr(tree, propagation=step.propagation, recursive=step.propagation_recursive)
