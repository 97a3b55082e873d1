"""Files that are whole or not there: written beside their place and renamed into it (rename(2))."""

from __future__ import annotations

import os


def write(path: str, data: bytes, *, mode: int = 0o600) -> None:
    """Replace the file at `path`. Readers see the old content or the new one. Raises OSError; then the old one stays."""
    temporary = f"{path}.new"
    try:
        fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW, mode)
        try:
            rest = memoryview(data)
            while rest:
                rest = rest[os.write(fd, rest) :]
        finally:
            os.close(fd)
        os.rename(temporary, path)
    except OSError:
        _discard(temporary)
        raise


def _discard(path: str) -> None:
    try:
        os.unlink(path)
    except OSError:
        return  # the first error is the one to tell
