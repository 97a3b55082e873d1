"""Standard streams that are of no use: no command fails for that, and no error goes untold."""

from __future__ import annotations

import os
import sys


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
