"""Standard streams that the caller has closed."""

from __future__ import annotations

import os
import sys


def complete() -> None:
    """Open /dev/null where there is none: what is opened next would be taken for it, and Python has no object for it."""
    for fd, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        if getattr(sys, name) is None:
            opened = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
            if opened != fd:  # the object is missing, not the descriptor
                os.close(opened)
            os.set_inheritable(fd, True)  # noqa: FBT003 - the library's signature
            setattr(sys, name, os.fdopen(fd, mode, closefd=False))
