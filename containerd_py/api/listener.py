"""The API's Unix socket (SECURITY R18): made with its final mode, in a directory of its own, or passed by systemd."""

from __future__ import annotations

import contextlib
import errno
import grp
import os
import socket
import stat

from containerd_py.errors import InvalidArgument, Unavailable
from containerd_py.sockets import LONGEST_PATH

_BACKLOG = 1024


def open_socket(path: str, *, group: str | None, mode: int | None = None) -> socket.socket:
    """Listen at `path`, mode 0600, or 0660 for a named group, unless told. What is stale there is replaced, else nothing.

    Raises InvalidArgument for a path that cannot be one, Unavailable where another daemon listens.
    """
    _check(path)
    gid = _gid(group) if group else None
    mode = mode if mode is not None else 0o600 if gid is None else 0o660
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
    try:
        _make_folder(os.path.dirname(path), gid, mode)
        _remove_stale(path)
        _bind(listener, path, gid, mode)
        listener.listen(_BACKLOG)
    except OSError as problem:
        listener.close()
        raise _refused(path, problem) from problem
    except BaseException:
        listener.close()
        raise
    return listener


def _make_folder(folder: str, gid: int | None, mode: int) -> None:
    """Make a missing directory for the socket alone; one that is there is its owner's business."""
    if os.path.isdir(folder):
        return
    os.makedirs(folder, mode=0o700)
    if gid is not None:
        os.chown(folder, -1, gid)
        os.chmod(folder, 0o710)  # noqa: S103 - the group may pass, to the socket
    if mode & 0o006:
        os.chmod(folder, 0o711)  # noqa: S103 - so may everybody


def _bind(listener: socket.socket, path: str, gid: int | None, mode: int) -> None:
    """By the umask the socket has 0600 from the first moment on, and what others may once it is the group's."""
    before = os.umask(0o177)
    try:
        listener.bind(path)
    finally:
        os.umask(before)
    if gid is not None:
        os.chown(path, -1, gid)
    os.chmod(path, mode)


def remove(path: str) -> None:
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)


def _check(path: str) -> None:
    if not path.startswith("/"):
        raise InvalidArgument(f"cannot listen at {path!r}: the path must be absolute", step="listen")
    if len(os.fsencode(path)) > LONGEST_PATH:
        raise InvalidArgument(
            f"cannot listen at {path!r}: a Unix socket's path has {LONGEST_PATH} bytes at most",
            step="listen",
            errno="ENAMETOOLONG",
        )


def _remove_stale(path: str) -> None:
    try:
        found = os.lstat(path)
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(found.st_mode):
        raise InvalidArgument(f"cannot listen at {path!r}: something else is there", step="listen", errno="EEXIST")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(path)
        except ConnectionRefusedError:
            os.unlink(path)
            return
    raise Unavailable(
        f"cannot listen at {path!r}: a daemon listens there already",
        step="listen",
        hint="stop it, or give another --socket",
    )


def _gid(group: str) -> int:
    try:
        return grp.getgrnam(group).gr_gid
    except KeyError:
        raise InvalidArgument(f"cannot give the socket to group {group!r}: no such group", step="listen") from None


def _refused(path: str, problem: OSError) -> Unavailable:
    hint = "run as root, or give a --socket in a directory of your own" if problem.errno == errno.EACCES else None
    return Unavailable(f"cannot listen at {path!r}: {problem.strerror}", step="listen", errno=problem.errno, hint=hint)
