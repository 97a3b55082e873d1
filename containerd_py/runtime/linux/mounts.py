"""Mounts by file descriptor (Linux 5.2 to 5.12): made detached, configured, then attached fd to fd.

A detached mount is in no namespace and ends with its last file descriptor, so that a failure half-way leaves nothing.
"""

from __future__ import annotations

import os

from containerd_py.light import contextlib, ctypes
from containerd_py.runtime.linux.fd import Fd
from containerd_py.runtime.linux.paths import NO_RESTRICTION, openat2
from containerd_py.runtime.linux.syscall import Flags, call

_AT_FDCWD = -100
_AT_SYMLINK_NOFOLLOW = 0x100
_AT_EMPTY_PATH = 0x1000
_AT_RECURSIVE = 0x8000
_OPEN_TREE_CLONE = 0x1
_CLOEXEC = 0x80000  # O_CLOEXEC, which is OPEN_TREE_CLOEXEC too
_FSOPEN_CLOEXEC = 0x1
_FSMOUNT_CLOEXEC = 0x1
_FSPICK_CLOEXEC = 0x1
_FSPICK_EMPTY_PATH = 0x8
_MOVE_MOUNT_F_EMPTY_PATH = 0x4
_MOVE_MOUNT_T_EMPTY_PATH = 0x40
_FSCONFIG_SET_FLAG = 0
_FSCONFIG_SET_STRING = 1
_FSCONFIG_CMD_CREATE = 6
_FSCONFIG_CMD_RECONFIGURE = 7
_LONGEST_MESSAGE = 4096
_MS_MOVE = 0x2000
_MS_REC = 0x4000
_MNT_DETACH = 0x2

Options = tuple[tuple[str, str | None], ...]
"""Options of a file system; one without a value is a flag."""


class MountAttr(Flags):
    """Attributes of one mount (MOUNT_ATTR_*, linux/mount.h)."""

    RDONLY = 0x01
    NOSUID = 0x02
    NODEV = 0x04
    NOEXEC = 0x08
    NOATIME = 0x10
    STRICTATIME = 0x20
    ATIME_MASK = 0x70
    NODIRATIME = 0x80
    IDMAP = 0x100000
    NOSYMFOLLOW = 0x200000


class _MountAttr(ctypes.Structure):
    """struct mount_attr, 32 bytes (Linux 5.12)."""

    _fields_ = (
        ("attr_set", ctypes.c_uint64),
        ("attr_clr", ctypes.c_uint64),
        ("propagation", ctypes.c_uint64),
        ("userns_fd", ctypes.c_uint64),
    )


class Propagation(Flags):
    """Propagation of mount events (MS_*, mount(2), mount_namespaces(7))."""

    UNBINDABLE = 1 << 17
    PRIVATE = 1 << 18
    SLAVE = 1 << 19
    SHARED = 1 << 20


def new_filesystem(fstype: str, options: Options, attributes: MountAttr) -> Fd:
    """Return a detached mount of a new `fstype`.

    Raises OSError showing the call and the option that the kernel refused, with what the file system says about it
    (fsopen(2), fsconfig(2), fsmount(2)).
    """
    with Fd(call("fsopen", fstype, _FSOPEN_CLOEXEC)) as context:
        try:
            _configure(context.fileno(), options, _FSCONFIG_CMD_CREATE)
            return Fd(call("fsmount", context.fileno(), _FSMOUNT_CLOEXEC, attributes))
        except OSError as problem:
            raise _explained(context.fileno(), problem) from problem


def reconfigure(mount: int, options: Options) -> None:
    """Change the options of the file system that is mounted at the descriptor, wherever else it may be mounted too.

    Raises OSError as `new_filesystem` does; EINVAL where no mount's root is open there (fspick(2)).
    """
    with Fd(call("fspick", mount, "", _FSPICK_CLOEXEC | _FSPICK_EMPTY_PATH)) as context:
        try:
            _configure(context.fileno(), options, _FSCONFIG_CMD_RECONFIGURE)
        except OSError as problem:
            raise _explained(context.fileno(), problem) from problem


def _configure(context: int, options: Options, command: int) -> None:
    for key, value in options:
        kind = _FSCONFIG_SET_FLAG if value is None else _FSCONFIG_SET_STRING
        call("fsconfig", context, kind, key, value, 0)
    call("fsconfig", context, command, None, None, 0)


def _explained(context: int, problem: OSError) -> OSError:
    """Add what the kernel wrote to the context's log: a message for each read, ENODATA at the end (fsopen(2))."""
    told = [problem.strerror]
    with contextlib.suppress(OSError):
        while message := os.read(context, _LONGEST_MESSAGE):
            told.append(message.decode(errors="replace").strip()[2:])  # after "e ", "w " or "i "
    return OSError(problem.errno, "; ".join(map(str, told)))


def clone_tree(directory: int, path: str, *, recursive: bool, follow: bool = True) -> Fd:
    """Return a detached bind of what stands at `path` (of `directory` itself where `path` is empty).

    follow: False to take a symlink at the end of the path as what it is. Raises OSError; EINVAL where it is not a mount
    of the caller's namespace (open_tree(2)).
    """
    flags = _OPEN_TREE_CLONE | _CLOEXEC | _AT_EMPTY_PATH
    flags |= (_AT_RECURSIVE if recursive else 0) | (0 if follow else _AT_SYMLINK_NOFOLLOW)
    return Fd(call("open_tree", directory, path, flags))


def attach(tree: int, target: int) -> None:
    """Attach a detached mount upon the file or directory `target` (move_mount(2))."""
    call("move_mount", tree, "", target, "", _MOVE_MOUNT_F_EMPTY_PATH | _MOVE_MOUNT_T_EMPTY_PATH)


def mount_setattr(tree: int, *, add: int = 0, remove: int = 0, propagation: int = 0, recursive: bool = False) -> None:
    """Change a mount's attributes (MountAttr) and propagation, or those of all mounts below it too (mount_setattr(2)).

    To set NOATIME or STRICTATIME, `remove` holds ATIME_MASK.
    """
    _setattr(tree, _MountAttr(add, remove, propagation, 0), recursive=recursive)


def map_ids(tree: int, user_namespace: int, *, recursive: bool) -> None:
    """Show the files of a detached mount with the ids that the namespace maps theirs to (MOUNT_ATTR_IDMAP, Linux 5.12).

    Raises OSError: EINVAL where the file system cannot do that, EPERM without CAP_SYS_ADMIN over it.
    """
    _setattr(tree, _MountAttr(MountAttr.IDMAP, 0, 0, user_namespace), recursive=recursive)


def _setattr(tree: int, change: _MountAttr, *, recursive: bool) -> None:
    flags = _AT_EMPTY_PATH | (_AT_RECURSIVE if recursive else 0)
    call("mount_setattr", tree, "", flags, change, ctypes.sizeof(change))


def detach(mount: int) -> None:
    """Take a mount away, open at its root, that is attached in this mount namespace. "/" is the working directory then."""
    os.fchdir(mount)
    call("umount2", ".", _MNT_DETACH)
    os.chdir("/")


def move_root(new_root: int) -> None:
    """Move the mount at `new_root` over "/", and make it the root and the working directory.

    Unlike with `pivot_root` the old root stays below: who may call chroot(2) gets there.
    """
    os.fchdir(new_root)
    call("mount", ".", "/", None, _MS_MOVE, None)
    os.chroot(".")
    os.chdir("/")


def unmount(path: str) -> None:
    """Detach what is mounted at `path`, with all below it."""
    call("umount2", path, _MNT_DETACH)


def pivot_root(new_root: int) -> None:
    """Make the mount at `new_root` the root and the working directory, and drop the old one (pivot_root(2), "." twice).

    The old root lies under the new one for a moment; it is detached at once, with propagation off, so that the host
    keeps its mounts.
    """
    os.fchdir(new_root)
    with openat2(_AT_FDCWD, "/", os.O_PATH | os.O_DIRECTORY, 0, NO_RESTRICTION) as old_root:
        call("pivot_root", ".", ".")
        os.fchdir(old_root.fileno())
    call("mount", "", ".", None, Propagation.SLAVE | _MS_REC, None)
    call("umount2", ".", _MNT_DETACH)
    os.chdir("/")
