"""The standard streams as callers leave them: closed, or of no use. No command fails for that, and no error goes untold."""

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


def say(message: str) -> None:
    """Write a line to stderr, with nothing in it that a terminal would act on."""
    from containerd_py.cli.output import printable

    write_error(printable(f"pyrunc: {message}") + "\n")


def write_error(text: str) -> None:
    """Write to stderr, which may be open for reading only, as containerd gives it to what makes a pod's sandbox."""
    try:
        sys.stderr.write(text)
        sys.stderr.flush()
    except OSError:
        silence(2)


def silence(fd: int) -> None:
    """Nobody reads it: let the interpreter's last flush go nowhere."""
    nowhere = os.open(os.devnull, os.O_WRONLY | os.O_CLOEXEC)
    os.dup2(nowhere, fd)
    os.close(nowhere)
