"""Paths below a root, resolved by the kernel (SECURITY R5): openat2, never joined strings.

A root file system is hostile: a component may be replaced by a symlink between two looks. openat2 resolves as if
the root were `/`, so that neither `..` nor an absolute symlink leads out, and refuses magic links of /proc.
"""

from __future__ import annotations

import errno
import os

from containerd_py.light import contextlib, ctypes
from containerd_py.runtime.linux.fd import Fd
from containerd_py.runtime.linux.syscall import Flags, call

# The kernel answers EAGAIN when a rename or mount raced with a resolution that met `..` (openat2(2)); under an
# attacker that renames for ever this must end.
_ATTEMPTS = 128
LINKS = 40
"""That lead to nothing yet and are followed for one path: as many as the kernel follows of the others."""


class Resolve(Flags):
    """`open_how.resolve` (linux/openat2.h)."""

    NO_XDEV = 0x01
    NO_MAGICLINKS = 0x02
    NO_SYMLINKS = 0x04
    BENEATH = 0x08
    IN_ROOT = 0x10


NO_RESTRICTION = Resolve(0)


class OpenHow(ctypes.Structure):
    """struct open_how, 24 bytes (Linux 5.6)."""

    _fields_ = (("flags", ctypes.c_uint64), ("mode", ctypes.c_uint64), ("resolve", ctypes.c_uint64))


def openat2(directory: int, path: str, flags: int, mode: int, resolve: Resolve) -> Fd:
    """Open `path` relative to `directory`, O_CLOEXEC always. Raises OSError (openat2(2))."""
    how = OpenHow(flags | os.O_CLOEXEC, mode, resolve)
    return Fd(call("openat2", directory, path, how, ctypes.sizeof(how)))


def open_in_root(root: int, path: str, flags: int, *, mode: int = 0, resolve: Resolve = NO_RESTRICTION) -> Fd:
    """Open `path` as a process would whose root is `root`; `resolve` adds restrictions such as NO_SYMLINKS.

    Raises OSError: ENOENT, ELOOP (a magic link, or a symlink under NO_SYMLINKS), EAGAIN when the tree was
    renamed under each of 128 attempts.
    """
    return _open_again(root, path, flags, mode, Resolve.IN_ROOT | Resolve.NO_MAGICLINKS | resolve)


def open_beneath(directory: int, path: str, flags: int, *, mode: int = 0, resolve: Resolve = NO_RESTRICTION) -> Fd:
    """Open `path`, which must not lead out of `directory` (EXDEV): not by "..", nor by a symlink that is absolute.

    Raises OSError, as `open_in_root` does.
    """
    return _open_again(directory, path, flags, mode, Resolve.BENEATH | Resolve.NO_MAGICLINKS | resolve)


def _open_again(directory: int, path: str, flags: int, mode: int, resolve: Resolve) -> Fd:
    for _ in range(_ATTEMPTS - 1):
        try:
            return openat2(directory, path, flags, mode, resolve)
        except OSError as problem:
            if problem.errno != errno.EAGAIN:
                raise
    return openat2(directory, path, flags, mode, resolve)


def make_directories_in_root(
    root: int, path: str, *, mode: int = 0o755, resolve: Resolve = NO_RESTRICTION, links: int = LINKS
) -> Fd:
    """Make `path` and its missing parents below `root`; return it opened with O_PATH. Existing symlinks are followed
    inside the root, and what they lead to is made. Raises OSError: ENOTDIR where a component is a file.
    """
    with contextlib.suppress(FileNotFoundError):  # most are there: one call instead of one for each component
        return open_in_root(root, path or "/", os.O_PATH | os.O_DIRECTORY, resolve=resolve)
    current = open_in_root(root, "/", os.O_PATH | os.O_DIRECTORY)
    walked = ""
    for name in filter(None, path.split("/")):
        with current as parent:
            walked = f"{walked}/{name}" if walked else name  # relative: absolute paths meet the root only in the kernel
            current = _enter_or_make(root, parent.fileno(), walked, mode, resolve, links)
    return current


def behind(parent: int, path: str, links: int) -> str | None:
    """Return the path that a symlink at `path` leads to; None where none is there. parent: its directory.

    links: how many may be followed still. Raises OSError, ELOOP, where that is none.
    """
    folder, _, name = path.rpartition("/")
    try:
        target = os.readlink(name, dir_fd=parent)
    except OSError:
        return None
    if not links:
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), path)
    return target if target.startswith("/") else f"{folder}/{target}"


def _enter_or_make(root: int, parent: int, walked: str, mode: int, resolve: Resolve, links: int) -> Fd:
    """Open the directory at `walked`, made in `parent` if nothing stands there."""
    try:
        return open_in_root(root, walked, os.O_PATH | os.O_DIRECTORY, resolve=resolve)
    except FileNotFoundError:
        name = walked.rpartition("/")[2]
        if name in (".", ".."):
            raise
    try:
        os.mkdir(name, mode, dir_fd=parent)
    except FileExistsError:  # somebody else has made it, or a symlink stands there that leads to nothing yet
        target = behind(parent, walked, links)
        if target is not None:
            make_directories_in_root(root, target, mode=mode, resolve=resolve, links=links - 1).close()
    return open_in_root(root, walked, os.O_PATH | os.O_DIRECTORY, resolve=resolve)
