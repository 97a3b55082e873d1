"""What handlers return, and the one place where replies and errors become HTTP."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

import structlog
from aiohttp import web

from containerd_py import errors
from containerd_py.errors import ContainerdError
from containerd_py.light.dataclasses import dataclass, field
from containerd_py.wire import ErrorBody

if TYPE_CHECKING:
    from collections.abc import Mapping

    from containerd_py.wire import Wire

_log = structlog.get_logger()

STATUS: dict[type[ContainerdError], int] = {
    errors.InvalidArgument: 400,
    errors.Forbidden: 403,
    errors.NotFound: 404,
    errors.Conflict: 409,
    errors.NotSupported: 422,
    errors.Internal: 500,
    errors.Unavailable: 503,
    errors.DeadlineExceeded: 504,
    errors.OutOfSpace: 507,
}
_KIND_OF_STATUS = {403: "forbidden", 404: "not_found", 503: "unavailable"}
_RETRY = (errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EAGAIN)


@dataclass(frozen=True)
class Reply:
    """body: a wire model for JSON, bytes for JSON that is written already, text as it is, None for nothing."""

    status: int
    body: Wire | bytes | str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


def write(reply: Reply) -> web.Response:
    response = _written(reply)
    response.headers.update(reply.headers)
    return response


def _written(reply: Reply) -> web.Response:
    if reply.body is None:
        return web.Response(status=reply.status)
    if isinstance(reply.body, str):
        return web.Response(status=reply.status, text=reply.body)
    if isinstance(reply.body, bytes):
        return _json(reply.status, reply.body)
    return _json(reply.status, reply.body.model_dump_json().encode())


def write_error(problem: Exception) -> web.Response:
    """Turn any error into a response; one that nobody foresaw is logged here, once."""
    if isinstance(problem, ContainerdError):
        return _error(STATUS[type(problem)], error_body(problem))
    if isinstance(problem, web.HTTPException):
        return _http_error(problem)
    if isinstance(problem, OSError) and problem.errno in _RETRY:
        hint = "try again later: the daemon is out of descriptors or memory"
        return write_error(errors.Unavailable(f"cannot serve request: {problem.strerror}", errno=problem.errno, hint=hint))
    _log.error("request failed", exc_info=problem)
    hint = "this is a defect of pycontainerd; its log tells more"
    return write_error(errors.Internal(f"cannot serve request: {type(problem).__name__}", hint=hint))


def error_body(problem: ContainerdError) -> ErrorBody:
    if problem.kind == errors.Internal.kind:
        _log.error("internal error", message=problem.message, step=problem.step, errno=problem.errno)
    return ErrorBody(kind=problem.kind, message=problem.message, step=problem.step, errno=problem.errno, hint=problem.hint)


def _http_error(problem: web.HTTPException) -> web.Response:
    """An error of HTTP itself: no such route, a wrong method, a body that is too large."""
    kind = _KIND_OF_STATUS.get(problem.status, "invalid_argument")
    response = _error(problem.status, ErrorBody(kind=kind, message=f"cannot serve request: {problem.reason.lower()}"))
    if "Allow" in problem.headers:
        response.headers["Allow"] = problem.headers["Allow"]
    return response


def _error(status: int, body: ErrorBody) -> web.Response:
    return _json(status, body.model_dump_json(exclude_none=True).encode())


def _json(status: int, body: bytes) -> web.Response:
    return web.Response(status=status, body=body + b"\n", content_type="application/json")
