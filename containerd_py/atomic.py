"""Files that are whole or not there: written beside their place and renamed into it (rename(2))."""

from __future__ import annotations

import os


def write(path: str, data: bytes, *, mode: int = 0o600, durable: bool = False) -> None:
    """Replace the file at `path`. Readers see the old content or the new one. Raises OSError; then the old one stays.

    durable: the new one is on the disk when this returns, whatever happens to the machine (fsync(2), of the directory too);
    where only that of the directory fails, the new one is there.
    """
    temporary = f"{path}.new"
    try:
        fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW, mode)
        try:
            rest = memoryview(data)
            while rest:
                rest = rest[os.write(fd, rest) :]
            if durable:
                os.fsync(fd)
        finally:
            os.close(fd)
        os.rename(temporary, path)
    except OSError:
        _discard(temporary)
        raise
    if durable:
        synchronise(os.path.dirname(path))


def synchronise(directory: str) -> None:
    """Have on the disk which names are in a directory. Raises OSError."""
    fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def _discard(path: str) -> None:
    try:
        os.unlink(path)
    except OSError:
        return  # the first error is the one to tell
