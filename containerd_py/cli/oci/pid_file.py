"""The file of `--pid-file`."""

from __future__ import annotations

import os

from containerd_py import atomic
from containerd_py.errors import InvalidArgument, errno_name
from containerd_py.light import contextlib


def write_pid(path: str, pid: int) -> None:
    """Write the number, without a newline as runc does; readers see the whole of it or no file. Raises InvalidArgument."""
    try:
        atomic.write(path, str(pid).encode(), mode=0o644)
    except OSError as problem:
        raise InvalidArgument(
            f"cannot write pid file {path!r}: {problem.strerror}", step="pid-file", errno=errno_name(problem.errno)
        ) from problem


def remove_pid(path: str | None) -> None:
    """Remove what `write_pid` wrote, as far as that was asked for and can be."""
    if path:
        with contextlib.suppress(OSError):
            os.unlink(path)
