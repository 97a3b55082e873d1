"""The payload's home directory, where its environment names none: as the container's own /etc/passwd has it."""

from __future__ import annotations

import os
import stat

from containerd_py.runtime.init.steps import Context, executes
from containerd_py.runtime.linux import paths
from containerd_py.runtime.plan import operations as op

_LARGEST = 10 << 20  # as much as is read of a file of the image (SECURITY R8)


@executes(op.FindHome)
def find_home(context: Context, step: op.FindHome) -> None:
    context.home = _home(context.root_fd(), str(step.uid).encode()) or "/"


def _home(root: int, uid: bytes) -> str | None:
    try:
        file = paths.open_in_root(root, "/etc/passwd", os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY)
    except OSError:
        return None
    with file:
        found = os.fstat(file.fileno())
        if not stat.S_ISREG(found.st_mode) or found.st_size > _LARGEST:
            return None
        for line in os.pread(file.fileno(), found.st_size, 0).split(b"\n"):
            fields = line.split(b":")
            if len(fields) > 5 and fields[2] == uid:
                return os.fsdecode(fields[5])
    return None
