"""What went wrong with a record, as callers and the log are told."""

from __future__ import annotations

import errno

from pydantic import ValidationError

from containerd_py.errors import ContainerdError, Internal, OutOfSpace, Unavailable

_FOR_NOW = (errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EAGAIN)


def refused(what: str, problem: OSError) -> ContainerdError:
    """Return the error for a record that could not be written. what: "container 'web'"."""
    message = f"cannot record {what}: {problem.strerror}"
    if problem.errno in (errno.ENOSPC, errno.EDQUOT):
        return OutOfSpace(message, step="store", errno=problem.errno, hint="free space or inodes in the state directory")
    if problem.errno in _FOR_NOW:
        hint = "try again later: the daemon is out of descriptors or memory"
        return Unavailable(message, step="store", errno=problem.errno, hint=hint)
    return Internal(message, step="store", errno=problem.errno)


def told(problem: Exception) -> str:
    """Return why a record cannot be read, in one line."""
    if isinstance(problem, ValidationError):
        first = problem.errors(include_url=False, include_input=False)[0]
        return f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
    return str(problem)
