"""The root itself: where mount events go, what becomes the root, and leaving the host's."""

from __future__ import annotations

import errno
import os

from containerd_py.runtime.init.steps import Context, executes
from containerd_py.runtime.linux import mounts, paths
from containerd_py.runtime.linux.mounts import MountAttr
from containerd_py.runtime.linux.proc_text import lines, plain
from containerd_py.runtime.plan import operations as op

TYPE_CHECKING = False
if TYPE_CHECKING:
    from containerd_py.runtime.linux.fd import Fd

_AT_FDCWD = -100
_DIRECTORY = os.O_PATH | os.O_DIRECTORY


@executes(op.SetPropagation)
def set_propagation(_context: Context, step: op.SetPropagation) -> None:
    with _host_root() as root:
        mounts.mount_setattr(root.fileno(), propagation=step.propagation, recursive=step.recursive)


@executes(op.AttachRoot)
def attach_root(context: Context, step: op.AttachRoot) -> None:
    with _place(context, step) as directory:
        if step.parent_propagation and not step.passed:  # before it is cloned: a new root must not be shared itself either
            _set_parents_propagation(directory.fileno(), step.parent_propagation)
        context.root = mounts.clone_tree(directory.fileno(), "", recursive=True)
        if step.attributes:
            mounts.mount_setattr(context.root.fileno(), add=step.attributes, recursive=True)
        if step.parent_propagation and step.passed:
            _attach_above(context.root.fileno(), step.parent_propagation)
        else:
            mounts.attach(context.root.fileno(), directory.fileno())


def _place(context: Context, step: op.AttachRoot) -> Fd:
    if not step.passed:
        return paths.openat2(_AT_FDCWD, step.path, _DIRECTORY, 0, paths.Resolve.NO_SYMLINKS)
    return context.take_handle("rootfs")


def _host_root() -> Fd:
    return paths.openat2(_AT_FDCWD, "/", _DIRECTORY, 0, paths.NO_RESTRICTION)


def _set_parents_propagation(directory: int, propagation: int) -> None:
    """Set it for the mount that `directory` lies on: neither may what is attached there show on the host, nor does
    pivot_root(2) take a new root whose parent is shared. The mount's root is found by going up until the kernel takes it.
    """
    current = paths.openat2(directory, ".", _DIRECTORY, 0, paths.NO_RESTRICTION)
    while True:
        with current as here:
            try:
                return mounts.mount_setattr(here.fileno(), propagation=propagation)
            except OSError as problem:
                if problem.errno != errno.EINVAL or _is_top(here.fileno()):
                    raise
            current = paths.openat2(here.fileno(), "..", _DIRECTORY, 0, paths.NO_RESTRICTION)


def _attach_above(root: int, propagation: int) -> None:
    """Attach on "/": above a directory that the parent passed, this user namespace's root may not look for its mount."""
    with _host_root() as top:
        for mount in (root, top.fileno()):
            mounts.mount_setattr(mount, propagation=propagation)
        mounts.attach(root, top.fileno())


def _is_top(directory: int) -> bool:
    found, above = os.fstat(directory), os.stat("..", dir_fd=directory)
    return (found.st_dev, found.st_ino) == (above.st_dev, above.st_ino)


@executes(op.PivotRoot)
def pivot_root(context: Context, _step: op.PivotRoot) -> None:
    mounts.pivot_root(context.root_fd())


@executes(op.MoveRoot)
def move_root(context: Context, step: op.MoveRoot) -> None:
    """What a user namespace made inside could take for a whole proc or sysfs must not be left below (mount_too_revealing,
    fs/namespace.c): it would be let mount one without the masks."""
    for path in reversed(_whole_ones(step.path)):
        try:
            mounts.unmount(path)
        except OSError as problem:
            if problem.errno not in (errno.EINVAL, errno.EPERM):
                raise
            with mounts.new_filesystem("tmpfs", (), MountAttr.RDONLY) as cover, _directory(path) as place:
                mounts.attach(cover.fileno(), place.fileno())
    mounts.move_root(context.root_fd())


def _whole_ones(root: str) -> list[str]:
    """Return where procfs and sysfs are mounted outside `root` (proc_pid_mountinfo(5))."""
    found = []
    with paths.openat2(_AT_FDCWD, "/proc/thread-self/mountinfo", os.O_RDONLY, 0, paths.NO_RESTRICTION) as file:
        text = b"".join(iter(lambda: os.read(file.fileno(), 65_536), b"")).decode(errors="surrogateescape")
    for line in lines(text):
        before, _, after = line.partition(" - ")
        path = plain(before.split(" ")[4])
        if after.startswith(("proc ", "sysfs ")) and path != root and not path.startswith(f"{root}/"):
            found.append(path)
    return found


def _directory(path: str) -> Fd:
    return paths.openat2(_AT_FDCWD, path, _DIRECTORY, 0, paths.NO_RESTRICTION)


@executes(op.SetRootPropagation)
def set_root_propagation(context: Context, step: op.SetRootPropagation) -> None:
    mounts.mount_setattr(context.root_fd(), propagation=step.propagation, recursive=step.recursive)
