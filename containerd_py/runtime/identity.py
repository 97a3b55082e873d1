"""Finding a process again by what no other has (SECURITY R10)."""

from __future__ import annotations

import os

from containerd_py.light import contextlib
from containerd_py.runtime import host
from containerd_py.runtime.linux.fd import Fd
from containerd_py.runtime.linux.pidfd import identity


def find(pid: int, wanted: str, boot_id: str) -> Fd | None:
    """Return a pidfd of the process that had this identity; None where it is gone, or its number is another's by now."""
    if not pid or not wanted or boot_id != host.boot_id():
        return None
    with contextlib.suppress(ProcessLookupError, FileNotFoundError, OSError):
        pidfd = Fd(os.pidfd_open(pid))
        with contextlib.suppress(ProcessLookupError, FileNotFoundError):
            if identity(pid, pidfd.fileno()) == wanted:
                return pidfd
        pidfd.close()
    return None
