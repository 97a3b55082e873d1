"""Files of a state directory as they may have become: reading one never waits, removing one takes a directory in its place.

What a record says, and where it belongs, is `runtime.state`'s.
"""

from __future__ import annotations

import errno
import os
import stat

from containerd_py.errors import Conflict
from containerd_py.runtime.linux.fd import Fd

_LARGEST = 32 * 2**20
"""Bytes: more than any record has, whose document has 10 MiB at most."""


def read(path: str) -> bytes:
    """Return what is in a file. Raises OSError; ValueError for what is no file, or is larger than any record."""
    flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK  # a FIFO would wait for its writer
    with Fd(os.open(path, flags)) as record:
        found = os.fstat(record.fileno())
        if not stat.S_ISREG(found.st_mode):
            raise ValueError("it is no file")
        if found.st_size > _LARGEST:
            raise ValueError(f"it has more than {_LARGEST} bytes")
        return os.read(record.fileno(), found.st_size)  # whole: it is never written to, but replaced


def remove(path: str) -> None:
    """Remove a file, or a directory in its place. What is not there is removed. Raises Conflict, OSError."""
    try:
        os.unlink(path)
    except FileNotFoundError:
        return
    except IsADirectoryError:
        remove_directory(path)


def remove_directory(path: str) -> None:
    """Remove a directory in which nothing is left. What is not there is removed. Raises Conflict, OSError."""
    try:
        os.rmdir(path)
    except FileNotFoundError:
        return
    except OSError as problem:
        if problem.errno not in (errno.ENOTEMPTY, errno.EEXIST):
            raise
        raise Conflict(
            f"cannot remove {path!r}: {problem.strerror}",
            step="state",
            hint="somebody else has put something there: remove it by hand, then delete the container again",
        ) from problem
