"""Whose the code is that runs as root (SECURITY R2)."""

from __future__ import annotations

import os
import stat

import containerd_py
from containerd_py.light_functools import cache
from containerd_py.runtime.linux.ownership import root_of_the_host

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator


@cache
def unsafe_code() -> str | None:
    """Tell what of the code that runs as root somebody else could change."""
    package = os.path.dirname(os.path.realpath(containerd_py.__file__))
    for path, found in ((package, os.stat(package)), *_below(package, deep=("__pycache__", "runtime"))):
        if _may_change(path, found):
            mode = stat.S_IMODE(found.st_mode)
            return f"{path!r} could be changed by others (owner {found.st_uid}, mode {mode:o})"
    return None


def _below(folder: str, deep: tuple[str, ...] | None = None) -> Iterator[tuple[str, os.stat_result]]:
    """Yield (path, status) of what is in a folder and below it: of the folders in it below those of `deep` only."""
    with os.scandir(folder) as entries:
        for entry in entries:
            folder_too = entry.is_dir(follow_symlinks=False)
            if folder_too and deep is not None and entry.name not in deep:
                continue
            yield entry.path, entry.stat()
            if folder_too:
                yield from _below(entry.path)


def _may_change(path: str, found: os.stat_result) -> bool:
    """Tell whether anybody but root and us may.

    In a user namespace that does not map the host's root its files have the owner of all that are not mapped. No process
    of ours has rights over such a file, nor gives the code rights that its owner lacks; but a range of ids may have that
    number in it, and over files of that user we have rights.
    """
    if found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        return True
    if found.st_uid in (0, os.geteuid()):
        return False
    return found.st_uid != root_of_the_host() or os.access(path, os.W_OK)
