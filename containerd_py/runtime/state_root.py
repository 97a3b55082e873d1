"""The way to where state is kept: whoever can change a directory on it could put links under our feet."""

from __future__ import annotations

import errno
import os
import stat

from containerd_py.errors import InvalidArgument
from containerd_py.runtime.linux.ownership import root_of_the_host

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

_MOST_LINKS = 40  # as the kernel (MAXSYMLINKS)


def lowest_that_is_there(path: str) -> str:
    """Return the path itself, or the nearest directory above it that there is."""
    while not os.path.lexists(path):
        path = os.path.dirname(path)
    return path


def check_owner(path: str, *, state_root: str | None = None) -> None:
    """Whoever made, or can change, a directory on the way would put links under our feet: /tmp is a usual place for it.

    Each directory and each symlink up to / must be root's or ours, and where others may write it must be sticky, which
    lets nobody move what is not his. state_root: what to name in errors, where it is not yet there.
    Raises InvalidArgument, FileNotFoundError.
    """
    whole = state_root or path
    for place, found in walk(path):
        if found.st_uid not in (0, os.geteuid()) and (place == path or found.st_uid != root_of_the_host()):
            raise unusable(whole, f"{_named(place, whole)} belongs to user {found.st_uid}")
        if stat.S_ISDIR(found.st_mode) and found.st_mode & stat.S_IWOTH and not found.st_mode & stat.S_ISVTX:
            raise unusable(whole, f"everybody may write to {_named(place, whole)}")


def walk(path: str) -> Iterator[tuple[str, os.stat_result]]:
    """Yield every place that the kernel goes through to resolve `path`, symlinks and what they lead to, from / on.

    Raises FileNotFoundError, and OSError (ELOOP).
    """
    whole = path if path.startswith("/") else os.path.join(os.getcwd(), path)  # the working directory may be gone
    current, rest = "/", _names(whole)
    yield current, os.lstat(current)
    links = 0
    while rest:
        name = rest.pop(0)
        if name == "..":
            current = os.path.dirname(current)
            continue
        place = os.path.join(current, name)
        found = os.lstat(place)
        yield place, found
        if not stat.S_ISLNK(found.st_mode) or _is_magic(place):
            current = place
            continue
        links += 1
        if links > _MOST_LINKS:
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), path)
        target = os.readlink(place)
        current = "/" if target.startswith("/") else current
        rest = _names(target) + rest


def _is_magic(link: str) -> bool:
    """Tell whether a symlink leads where its text need not say: those of a process (proc_pid_fd(5)), which are its own."""
    return link.startswith("/proc/") and link.count("/") > 2


def _names(path: str) -> list[str]:
    return [name for name in path.split("/") if name not in ("", ".")]


def _named(place: str, path: str) -> str:
    return "it" if place == path else repr(place)


def unusable(root: str, cause: str) -> InvalidArgument:
    """Return the error for a state root that cannot be used, or must not be."""
    return InvalidArgument(
        f"cannot keep state in {root!r}: {cause}",
        step="state",
        hint="choose a directory that only you can write to, below such directories",
    )
