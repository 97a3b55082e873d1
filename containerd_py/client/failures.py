"""What went wrong, as errors of `containerd_py.errors`: answers of the daemon, and failures to reach it.

Nothing here opens a connection.
"""

from __future__ import annotations

import contextlib
import errno
import os
from typing import TYPE_CHECKING, TypeVar

import aiohttp
from pydantic import BaseModel, ValidationError

from containerd_py import errors
from containerd_py.wire import ErrorBody

if TYPE_CHECKING:
    from collections.abc import Iterator

_CLASSES: dict[str, type[errors.ContainerdError]] = {
    cls.kind: cls
    for cls in (
        errors.InvalidArgument,
        errors.NotSupported,
        errors.NotFound,
        errors.Conflict,
        errors.Forbidden,
        errors.Unavailable,
        errors.DeadlineExceeded,
        errors.OutOfSpace,
        errors.Internal,
    )
}
Model = TypeVar("Model", bound=BaseModel)

_SAME_VERSION = "look whether client and daemon are of the same version"
_START = "start the daemon with `pycontainerd`, or name its socket with --socket or PYCONTAINERD_SOCKET"
_PERMISSION = (
    "run as root or as a member of the socket's group, or name another socket with --socket or PYCONTAINERD_SOCKET"
)


async def raise_for_answer(response: aiohttp.ClientResponse) -> None:
    """Raise the error that the daemon answered with; return at a status below 400."""
    if response.status >= 400:
        raise answered_error(response.status, await response.read(), response.method, response.url.path)


def answered_error(status: int, body: bytes, method: str, path: str) -> errors.ContainerdError:
    """Return the error that an answer carries; one that is no ErrorBody (a proxy's page) becomes Internal."""
    try:
        error = ErrorBody.model_validate_json(body)
    except ValidationError:
        return errors.Internal(f"cannot {method} {path}: status {status} without a description", hint=_SAME_VERSION)
    cls = _CLASSES.get(error.kind, errors.Internal)
    return cls(error.message, step=error.step, errno=error.errno, hint=error.hint)


def raise_for_late_error(body: bytes) -> None:
    """Raise the error that came where the status had been told before; return where the body is none."""
    with contextlib.suppress(ValidationError):
        error = ErrorBody.model_validate_json(body)
        raise _CLASSES.get(error.kind, errors.Internal)(error.message, step=error.step, errno=error.errno, hint=error.hint)


def read_model(model: type[Model], body: bytes, what: str) -> Model:
    """Return an answer as `model`; Internal where it is not one. what: the request, for the message."""
    try:
        return model.model_validate_json(body)
    except ValidationError as error:
        raise unreadable(what, error) from error


def unreadable(what: str, error: ValidationError) -> errors.Internal:
    """Return the error for an answer that is not what the contract says, naming the first wrong field."""
    first = error.errors(include_url=False, include_input=False)[0]
    where = ".".join(str(part) for part in first["loc"])
    cause = f"{where}: {first['msg']}" if where else first["msg"]
    return errors.Internal(f"cannot read the daemon's answer to {what}: {cause}", hint=_SAME_VERSION)


@contextlib.contextmanager
def reaching(socket_path: str) -> Iterator[None]:
    """Turn every failure to reach or to keep the daemon at `socket_path` into Unavailable."""
    try:
        yield
    except aiohttp.ClientConnectorError as error:
        raise _unreachable(socket_path, error.os_error) from error
    except (aiohttp.ClientError, ConnectionError) as error:
        cause = str(error) or type(error).__name__
        raise errors.Unavailable(
            f"cannot talk to the daemon at {socket_path!r}: {cause}",
            step="connect",
            hint="look at the daemon's log, and try again",
        ) from error


def _unreachable(socket_path: str, error: OSError) -> errors.Unavailable:
    # asyncio words the message itself ("[Errno 111] Connection refused"); a path that is too long has no errno.
    cause = str(error) if error.errno is None else os.strerror(error.errno).lower()
    hint = _PERMISSION if error.errno in (errno.EACCES, errno.EPERM) else _START
    return errors.Unavailable(f"cannot connect to {socket_path!r}: {cause}", step="connect", errno=error.errno, hint=hint)
