"""Making and removing directories of cgroups, beside others that do the same."""

from __future__ import annotations

import errno
import os
import time

from containerd_py.errors import Unavailable
from containerd_py.light import contextlib

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from containerd_py.runtime.cgroups.cgroup import Cgroup

_ATTEMPTS = 64  # to make a directory whose parent somebody else removes, being empty
_FIRST_PAUSE_S = 0.001
_LONGEST_PAUSE_S = 0.05


def make(directory: str, made: list[str]) -> None:
    """Make a directory and its missing parents, and add those made to `made`, the outermost first.

    Whoever destroys the last container below a parent removes it: one that vanishes under us is made again. Then
    mkdir says ENOENT, or ENODEV in the moment in which the cgroup dies (kernfs).
    """
    for _ in range(_ATTEMPTS):
        try:
            for path in reversed(_missing(directory)):
                with contextlib.suppress(FileExistsError):
                    os.mkdir(path, 0o755)
                    made.append(path)
        except OSError as problem:
            if problem.errno not in (errno.ENOENT, errno.ENODEV):
                raise
        else:
            return
    raise BlockingIOError(errno.EAGAIN, f"parents of {directory} vanished {_ATTEMPTS} times")


def _missing(directory: str) -> list[str]:
    """Return the directory and its parents as far as they are missing, the innermost first."""
    missing = []
    while not os.path.isdir(directory):
        missing.append(directory)
        directory = os.path.dirname(directory)
    return missing


def missing_parents(cgroup: Cgroup) -> tuple[str, ...]:
    """Return the directories above the cgroup that have to be made for it, each after the one that it lies in."""
    return tuple(parent for path in cgroup.paths for parent in reversed(_missing(os.path.dirname(path))))


def unmake(made: Sequence[str]) -> None:
    for path in reversed(made):
        try:
            os.rmdir(path)
        except OSError:
            continue  # another container has moved in below a parent that we made


def remove(cgroup: Cgroup) -> bool:
    """Remove the directories, the payload's own below first. Return False where one is still busy: try again."""
    busy = [path for path in cgroup.paths if not _remove_tree(path)]  # each is tried, whatever another one says
    return not busy


def remove_wait(cgroup: Cgroup, *, timeout_s: float, meanwhile: Callable[[Cgroup], None] | None = None) -> None:
    """Remove, waiting for the kernel to let go of processes that just ended. Raises Unavailable after `timeout_s`.

    On a busy machine one attempt may take that long: the last one begins after it.
    meanwhile: called before each further attempt.
    """
    deadline = time.monotonic() + timeout_s
    pause_s = _FIRST_PAUSE_S
    late = False
    while not remove(cgroup):
        if late:
            busy = next((path for path in cgroup.paths if os.path.isdir(path)), cgroup.paths[0])
            raise Unavailable(f"cannot remove cgroup {busy!r}: still busy", step="cgroup", errno=errno.EBUSY)
        time.sleep(pause_s)
        pause_s = min(pause_s * 2, _LONGEST_PAUSE_S)
        late = time.monotonic() > deadline
        if meanwhile is not None:
            meanwhile(cgroup)


def hidden(cgroup: Cgroup) -> tuple[str, ...]:
    """Return those of its directories that this process could not see: no hierarchy is mounted where they lie."""
    return tuple(path for path in cgroup.paths if not _is_shown(path))


def _is_shown(path: str) -> bool:
    while not os.path.isdir(path):
        path = os.path.dirname(path)
    return os.path.exists(f"{path}/cgroup.procs")


def await_removal(cgroup: Cgroup, *, timeout_s: float) -> None:
    """Let systemd remove the cgroup of a scope, which has no processes any more; return at the latest after `timeout_s`.

    It learns of the end by an event of cgroup.events, which is lost where the directory goes too soon: then the unit stays.
    """
    deadline = time.monotonic() + timeout_s
    pause_s = _FIRST_PAUSE_S
    while cgroup.v2 and os.path.isdir(cgroup.v2) and time.monotonic() < deadline:
        time.sleep(pause_s)
        pause_s = min(pause_s * 2, _LONGEST_PAUSE_S)


def remove_parents(cgroup: Cgroup) -> None:
    """Remove the directories that were made above the cgroup, as far as they are empty."""
    unmake(cgroup.parents)


def _remove_tree(path: str) -> bool:
    try:
        os.rmdir(path)
    except FileNotFoundError:
        return True
    except OSError as problem:
        if problem.errno not in (errno.EBUSY, errno.ENOTEMPTY):
            raise
    else:
        return True
    below = _children(path)
    if not below or not all(_remove_tree(child) for child in below):
        return False
    return _remove_tree(path)


def _children(path: str) -> list[str]:
    try:
        with os.scandir(path) as entries:
            return [entry.path for entry in entries if entry.is_dir(follow_symlinks=False)]
    except FileNotFoundError:
        return []
