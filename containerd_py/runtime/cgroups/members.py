"""The processes in a cgroup: listing and moving them."""

from __future__ import annotations

import errno
import os

from containerd_py.runtime.cgroups import files
from containerd_py.runtime.linux.fd import Fd
from containerd_py.runtime.linux.pidfd import cgroup_id

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from containerd_py.runtime.cgroups.cgroup import Cgroup

_ROUNDS = 64  # of moving what is listed: each round leaves only what was forked meanwhile


def pids(cgroup: Cgroup) -> tuple[int, ...]:
    """Return the processes in the cgroup and below it, as this process numbers them."""
    return tuple(sorted(set(_below(cgroup.paths[0])))) if cgroup.paths else ()


def is_member(cgroup: Cgroup, pid: int, pidfd: int | None) -> bool:
    """Tell whether a process is in the cgroup or below it; by its pidfd also one that was, and has ended meanwhile.

    By its number alone, where the kernel tells no more: then it may be another one by now, but of the same container.
    """
    number = None if pidfd is None or cgroup.v2 is None else cgroup_id(pidfd)
    if number is None or cgroup.v2 is None:
        return pid in pids(cgroup)
    return any(_inode(path) == number for path, _folders, _files in os.walk(cgroup.v2))


def _inode(directory: str) -> int | None:
    try:
        return os.stat(directory).st_ino
    except OSError:
        return None  # gone meanwhile


def populated(directory: str) -> bool:
    """Tell whether processes live in the cgroup or below it: all of them would be killed with the container."""
    return any(True for _pid in _below(directory))


def _below(directory: str) -> Iterator[int]:
    for path, _folders, _files in os.walk(directory):
        yield from listed(path)


def listed(directory: str) -> tuple[int, ...]:
    """Return the processes in one directory, without those below."""
    try:
        with open(f"{directory}/cgroup.procs", encoding="utf-8") as file:
            return tuple(map(int, file.read().split()))
    except OSError:
        return ()  # gone meanwhile, or a threaded cgroup, whose processes its parent lists


def move(cgroup: Cgroup, directory: str) -> None:
    """Move every process of the cgroup into `directory`, of another hierarchy, until none is found outside.

    For a hierarchy that a running container has not been in. Those that it forks meanwhile are found in the next round.
    """
    for _ in range(_ROUNDS):
        outside = set(pids(cgroup)) - set(_below(directory))
        if not outside:
            return
        for pid in outside:
            _move_member(cgroup, directory, pid)
    raise BlockingIOError(errno.EAGAIN, f"new processes appeared in {cgroup.paths[0]} {_ROUNDS} times")


def _move_member(cgroup: Cgroup, directory: str, pid: int) -> None:
    """Only if the process is still in the cgroup once it is held (SECURITY R10)."""
    try:
        with Fd(os.pidfd_open(pid)):
            if pid in pids(cgroup):
                files.write(f"{directory}/cgroup.procs", str(pid))
    except ProcessLookupError:
        return
