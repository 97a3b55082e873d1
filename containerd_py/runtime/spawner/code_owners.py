"""Whose the code is that runs as root (SECURITY R2)."""

from __future__ import annotations

import os
import stat

import containerd_py
from containerd_py.light.functools import cache
from containerd_py.runtime.linux.fd import Fd
from containerd_py.runtime.linux.ownership import root_of_the_host

_WRITABLE = stat.S_IWGRP | stat.S_IWOTH


@cache
def unsafe_code() -> str | None:
    """Tell what of the code that runs as root somebody else could change."""
    package = os.path.dirname(os.path.realpath(containerd_py.__file__))
    with Fd(os.open(package, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)) as folder:
        found = os.fstat(folder.fileno())
        unsafe = (package, found) if _suspicious(found) and _may_change(package, found) else None
        unsafe = unsafe or _unsafe_below(package, folder.fileno(), deep=("__pycache__", "light", "runtime"))
    if unsafe is None:
        return None
    path, found = unsafe
    mode = stat.S_IMODE(found.st_mode)
    return f"{path!r} could be changed by others (owner {found.st_uid}, mode {mode:o})"


def _unsafe_below(path: str, folder: int, deep: tuple[str, ...] | None = None) -> tuple[str, os.stat_result] | None:
    """Return what others may change in a folder and below it: of the folders in it below those of `deep` only.

    By descriptors, which spares the kernel the whole path of each file: there are hundreds, and a start waits for it.
    """
    with os.scandir(folder) as entries:
        for entry in entries:
            found = entry.stat()
            if _suspicious(found) and _may_change(f"{path}/{entry.name}", found):
                return f"{path}/{entry.name}", found
            if entry.is_dir(follow_symlinks=False) and (deep is None or entry.name in deep):
                with Fd(os.open(entry.name, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=folder)) as below:
                    unsafe = _unsafe_below(f"{path}/{entry.name}", below.fileno())
                if unsafe is not None:
                    return unsafe
    return None


def _suspicious(found: os.stat_result) -> bool:
    """Tell whether it is to be looked at more closely; of most files it is not."""
    return bool(found.st_mode & _WRITABLE) or found.st_uid != 0


def _may_change(path: str, found: os.stat_result) -> bool:
    """Tell whether anybody but root and us may.

    In a user namespace that does not map the host's root its files have the owner of all that are not mapped. No process
    of ours has rights over such a file, nor gives the code rights that its owner lacks; but a range of ids may have that
    number in it, and over files of that user we have rights.
    """
    if found.st_mode & _WRITABLE:
        return True
    if found.st_uid in (0, os.geteuid()):
        return False
    return found.st_uid != root_of_the_host() or os.access(path, os.W_OK)
