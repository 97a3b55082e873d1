"""The errors a caller of pycontainerd can act on.

    ContainerdError
    ├── InvalidArgument     the request is wrong and stays wrong; change it
    ├── NotSupported        the request is right, but this host or this version cannot serve it
    ├── NotFound            no such container
    ├── Conflict            the object is in a state that forbids this; look at it first
    ├── Forbidden           this caller may not do that
    ├── Unavailable         nothing is wrong with the request; try again later
    ├── DeadlineExceeded    it took longer than was allowed
    ├── OutOfSpace          no room in the state or data directory, or where files are copied to
    └── Internal            a defect of ours or of the host, with what is known about it

Messages read "cannot <verb> <object>: <cause>", in lower case, without a full stop. Only errors that callers
act on live here; a system call that failed is a plain `OSError` until somebody knows what it means.
"""

from __future__ import annotations

import errno as errno_module

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import ClassVar


class ContainerdError(Exception):
    """An error with everything its receiver needs.

    step:  the name of the step that failed (a plan step such as "mount", or an operation such as "parse").
    errno: the kernel's name of the error ("ENOENT"), where a system call failed.
    hint:  what to do about it, as one sentence without a full stop.
    """

    kind: ClassVar[str] = "internal"

    def __init__(
        self, message: str, *, step: str | None = None, errno: str | int | None = None, hint: str | None = None
    ) -> None:
        super().__init__(message)
        self.message = message
        self.step = step
        self.errno = errno_name(errno)
        self.hint = hint


class InvalidArgument(ContainerdError):
    kind = "invalid_argument"


class NotSupported(ContainerdError):
    kind = "not_supported"


class NotFound(ContainerdError):
    kind = "not_found"


class Conflict(ContainerdError):
    kind = "conflict"


class Forbidden(ContainerdError):
    kind = "forbidden"


class Unavailable(ContainerdError):
    kind = "unavailable"


class DeadlineExceeded(ContainerdError):
    kind = "deadline_exceeded"


class OutOfSpace(ContainerdError):
    kind = "out_of_space"


class Internal(ContainerdError):
    kind = "internal"


def errno_name(number: str | int | None) -> str | None:
    """Return the kernel's name for an error number: 2 -> "ENOENT"; an unknown number as text."""
    if number is None or isinstance(number, str):
        return number
    return errno_module.errorcode.get(number, str(number))
