"""Files kept until the next boot, so that what starts later starts faster (ADR 26). Whoever cannot keep any goes without.

    /run/pycontainerd-cache/        root's, 0700; an ordinary user's is below XDG_RUNTIME_DIR
    ├── filter-*                    seccomp filters (`runtime.seccomp.kept`)
    ├── modules-*                   bytecode (`bytecode_cache`)
    └── bundle-*                    bytecode of a launcher, in one piece (`bytecode_bundle`)

What is here decides what runs as root and how it is confined: nothing is taken that anybody else could have written.
"""

from __future__ import annotations

import errno
import os
import stat

_NAME = "pycontainerd-cache"
_SAFELY = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_WRITABLE = stat.S_IWGRP | stat.S_IWOTH
_MOST = 32
_HOSTS_MAP = ["0", "0", "4294967295"]
"""uid_map in the first user namespace (user_namespaces(7))."""


def path() -> str:
    """Return the directory, which need not be there. Raises FileNotFoundError where this user has no place for it.

    The environment never says where root's is, be it that /run cannot be written to. Who is root in a user namespace
    alone, as below podman, has that of the ordinary user who has made it.
    """
    if os.geteuid() == 0 and (os.access("/run", os.W_OK) or _is_hosts_root()):
        return f"/run/{_NAME}"
    own = os.environ.get("XDG_RUNTIME_DIR", "")
    if not own.startswith("/"):
        raise FileNotFoundError
    return f"{own}/{_NAME}"


def _is_hosts_root() -> bool:
    try:
        with open("/proc/self/uid_map", encoding="ascii") as file:
            return file.read().split() == _HOSTS_MAP
    except OSError:
        return True  # nobody can tell: then nothing is taken from the environment


def open_file(place: str, name: str) -> int:
    """Return a descriptor of a file, to be closed by the caller. place: the directory (`path`).

    Raises OSError where there is none; PermissionError for what others can change.
    """
    directory = _open(place, os.O_DIRECTORY, stat.S_IFDIR)
    try:
        return _open(name, 0, stat.S_IFREG, directory)
    finally:
        os.close(directory)


def write(place: str, name: str, content: bytes) -> None:
    """Keep a file, whole or not at all, in place of that of the same name. Of its kind the oldest ones make room.

    name: its kind and what tells it from others, "kind-…". Raises OSError.
    """
    if not os.path.lexists(place):
        os.mkdir(place, 0o700)
    directory = _open(place, os.O_DIRECTORY, stat.S_IFDIR)
    try:
        _make_room(directory, name)
        _replace(directory, name, content)
    finally:
        os.close(directory)


def _open(name: str, flags: int, kind: int, directory: int | None = None) -> int:
    fd = os.open(name, os.O_RDONLY | flags | _SAFELY, dir_fd=directory)
    found = os.fstat(fd)
    if stat.S_IFMT(found.st_mode) == kind and found.st_uid == os.geteuid() and not found.st_mode & _WRITABLE:
        return fd
    os.close(fd)
    raise PermissionError


def _make_room(directory: int, name: str) -> None:
    kind = name.partition("-")[0]
    alike = [one for one in os.listdir(directory) if one != name and one.partition("-")[0] == kind]
    if len(alike) >= _MOST:
        ages = sorted((os.lstat(one, dir_fd=directory).st_mtime_ns, one) for one in alike)
        for _, one in ages[: len(alike) - _MOST + 1]:
            os.unlink(one, dir_fd=directory)


def _replace(directory: int, name: str, content: bytes) -> None:
    own = f"{name}.{os.urandom(8).hex()}"  # others write it too: threads, and processes that have our pid elsewhere
    fd = os.open(own, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _SAFELY, 0o600, dir_fd=directory)
    try:
        try:
            whole = os.write(fd, content) == len(content)
        finally:
            os.close(fd)
        if not whole:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))  # noqa: TRY301 - both ends are one
        os.rename(own, name, src_dir_fd=directory, dst_dir_fd=directory)
    except BaseException:
        os.unlink(own, dir_fd=directory)
        raise
