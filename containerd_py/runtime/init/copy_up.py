"""`tmpcopyup`: filling a file system that nobody sees yet with a copy of the directory that it will hide.

The directory is hostile. Each name is opened from its directory's descriptor, symlinks are copied and never followed,
and nothing is opened but regular files and directories. What does not fit into the file system is ENOSPC.
"""

from __future__ import annotations

import errno
import os
import stat

from containerd_py.runtime.init.steps import StepFailed
from containerd_py.runtime.linux.directories import names
from containerd_py.runtime.linux.paths import Resolve, openat2

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection

    from containerd_py.runtime.linux.fd import Fd

_DEEPEST = 128  # each level holds two descriptors
_INSIDE = Resolve.BENEATH | Resolve.NO_SYMLINKS
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY  # should it be a fifo by now, this does not wait
_NOT_KEPT = (errno.ENOTSUP, errno.EPERM)  # this file system, or this user namespace, has no such attributes


def copy_directory(source: int, copy: int, own: Collection[str] = ()) -> None:
    """Copy what is in the directory `source` into the directory `copy`, and its owner, mode and extended attributes.

    own: those of "mode", "uid" and "gid" that the copy keeps as it has them.
    """
    with _directory(source, ".") as opened, _directory(copy, ".") as made:
        before = os.fstat(made.fileno())
        _copy_directory(opened.fileno(), made.fileno(), 0)
        os.fchown(made.fileno(), before.st_uid if "uid" in own else -1, before.st_gid if "gid" in own else -1)
        if "mode" in own:
            os.fchmod(made.fileno(), stat.S_IMODE(before.st_mode))


def _directory(parent: int, name: str) -> Fd:
    return openat2(parent, name, _READ | os.O_DIRECTORY, 0, _INSIDE)


def _copy_directory(source: int, copy: int, depth: int) -> None:
    if depth > _DEEPEST:
        raise StepFailed(errno.ENAMETOOLONG, f"directories lie deeper than {_DEEPEST} levels")
    for name in names(source):
        found = os.stat(name, dir_fd=source, follow_symlinks=False)
        if stat.S_ISDIR(found.st_mode):
            os.mkdir(name, 0o700, dir_fd=copy)
            with _directory(source, name) as opened, _directory(copy, name) as made:
                _copy_directory(opened.fileno(), made.fileno(), depth + 1)
        elif stat.S_ISREG(found.st_mode):
            _copy_file(source, copy, name)
        else:
            _copy_other(source, copy, name, found)
    _copy_metadata(source, copy)


def _copy_file(source: int, copy: int, name: str) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
    with openat2(source, name, _READ, 0, _INSIDE) as opened, openat2(copy, name, flags, 0o600, _INSIDE) as made:
        found = os.fstat(opened.fileno())
        if not stat.S_ISREG(found.st_mode):
            raise StepFailed(errno.EAGAIN, f"{name} was changed while it was copied")
        _copy_bytes(opened.fileno(), made.fileno(), found.st_size)
        _copy_metadata(opened.fileno(), made.fileno())


def _copy_bytes(source: int, copy: int, size: int) -> None:
    """Copy the parts that hold data; holes stay holes (lseek(2))."""
    os.ftruncate(copy, size)
    offset = 0
    while (offset := _next_data(source, offset, size)) < size:
        end = min(os.lseek(source, offset, os.SEEK_HOLE), size)
        os.lseek(copy, offset, os.SEEK_SET)
        while offset < end and (sent := os.sendfile(copy, source, offset, end - offset)):
            offset += sent
        if offset < end:
            return  # it has become shorter meanwhile


def _next_data(source: int, offset: int, size: int) -> int:
    try:
        return os.lseek(source, offset, os.SEEK_DATA)
    except OSError as problem:
        if problem.errno != errno.ENXIO:
            raise
        return size


def _copy_other(source: int, copy: int, name: str, found: os.stat_result) -> None:
    """A symlink, device, fifo or socket: made anew, never opened."""
    if stat.S_ISLNK(found.st_mode):
        os.symlink(os.readlink(name, dir_fd=source), name, dir_fd=copy)
    else:
        os.mknod(name, found.st_mode, found.st_rdev, dir_fd=copy)
    os.chown(name, found.st_uid, found.st_gid, dir_fd=copy, follow_symlinks=False)


def _copy_metadata(source: int, copy: int) -> None:
    """In this order: a change of owner takes set-user-ID bits and file capabilities away."""
    found = os.fstat(source)
    os.fchown(copy, found.st_uid, found.st_gid)
    os.fchmod(copy, stat.S_IMODE(found.st_mode))
    for name in os.listxattr(source):
        try:
            os.setxattr(copy, name, os.getxattr(source, name))
        except OSError as problem:
            if problem.errno not in _NOT_KEPT:
                raise
