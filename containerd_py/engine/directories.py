"""The daemon's two directories: made where they are missing, nobody else's, and held by one daemon at a time."""

from __future__ import annotations

import fcntl
import os
import stat

from containerd_py.errors import Unavailable
from containerd_py.runtime.linux.fd import Fd


def take(state_dir: str, data_dir: str) -> list[Fd]:
    """Return the locks, which their owner closes. Raises Unavailable; with the step "lock" where another daemon has one."""
    make(state_dir, data_dir)
    _check_private(state_dir)
    return _lock_both(state_dir, data_dir)


def make(*directories: str) -> None:
    for directory in directories:
        os.makedirs(directory, mode=0o700, exist_ok=True)


def _check_private(path: str) -> None:
    """What is in the state directory decides what is killed: nobody else may write or look there."""
    found = os.stat(path)
    if found.st_uid != os.geteuid() or found.st_mode & 0o077:
        raise Unavailable(
            f"cannot use state directory {path!r}: it is not this user's alone (owner {found.st_uid}, "
            f"mode {stat.S_IMODE(found.st_mode):o})",
            step="state",
            hint="chmod it to 0700, or give another --state-dir",
        )


def _lock_both(state_dir: str, data_dir: str) -> list[Fd]:
    """They may be one. A data directory is one daemon's too: it takes what is there, and removes output of no container."""
    locks = [_lock(state_dir, "state")]
    try:
        if not os.path.samefile(state_dir, data_dir):
            locks.append(_lock(data_dir, "data"))
    except BaseException:
        locks[0].close()
        raise
    return locks


def _lock(directory: str, kind: str) -> Fd:
    """Hold a directory for this process; the kernel lets go of it whatever happens to us (flock(2))."""
    path = os.path.join(directory, "lock")
    lock = Fd(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600))
    try:
        fcntl.flock(lock.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.close()
        raise Unavailable(
            f"cannot use {kind} directory {directory!r}: another daemon has it",
            step="lock",
            hint=f"stop that daemon, or give this one another --{kind}-dir",
        ) from None
    return lock
