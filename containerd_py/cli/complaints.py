"""How a failure is told: one line on stderr, and an exit code."""

from __future__ import annotations

import sys

from containerd_py.cli.output import printable
from containerd_py.errors import ContainerdError

FAILED = 1
CANNOT_RUN = 125
CANNOT_EXECUTE = 126
NO_SUCH_PROGRAM = 127


def complain(error: ContainerdError | str, hint: str | None = None) -> None:
    """Write `pyctr: <message> (<hint>)` to stderr, in one line whatever the message holds."""
    message = error
    if isinstance(error, ContainerdError):
        message, hint = error.message, error.hint
    line = printable(f"pyctr: {message}" + (f" ({hint})" if hint else ""))
    sys.stderr.write(line + "\n")
    sys.stderr.flush()


def plain_code(_: ContainerdError) -> int:
    return FAILED


def start_code(error: ContainerdError) -> int:
    """Return what a shell's user expects: 127 for a program that is not there, 126 for one that cannot be run, else 125."""
    if error.step != "exec" or error.errno is None:
        return CANNOT_RUN
    return NO_SUCH_PROGRAM if error.errno == "ENOENT" else CANNOT_EXECUTE
