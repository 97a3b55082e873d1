"""The HTTP server: aiohttp's own, but what it refuses by itself is told as every other error is."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from aiohttp import web

from containerd_py.api import replies
from containerd_py.errors import InvalidArgument

if TYPE_CHECKING:
    from aiohttp.web import BaseRequest, StreamResponse

_LONGEST = 200


class Runner(web.AppRunner):
    """options: of the connections, as `web.AppRunner` takes them. Signals are the daemon's."""

    def __init__(self, app: web.Application, *, shutdown_timeout: float, **options: Any) -> None:
        super().__init__(app, handle_signals=False, shutdown_timeout=shutdown_timeout, **options)
        self._options = options

    async def _make_server(self) -> web.Server:
        return _Server(await super()._make_server(), **self._options)


class _Server(web.Server):
    def __init__(self, made: web.Server, *, handler_cancellation: bool, **options: Any) -> None:
        super().__init__(
            made.request_handler, request_factory=made.request_factory, handler_cancellation=handler_cancellation
        )
        self._options = options

    def __call__(self) -> web.RequestHandler:
        return _Connection(self, loop=asyncio.get_running_loop(), **self._options)


class _Connection(web.RequestHandler):
    __slots__ = ()

    def handle_error(
        self, request: BaseRequest, status: int = 500, exc: BaseException | None = None, message: str | None = None
    ) -> StreamResponse:
        """Return the answer to what is no HTTP, or not ours; the connection ends with it."""
        if request.writer.output_size > 0:
            raise ConnectionError("an answer has begun already")
        if status < 500:
            response = replies.write_error(InvalidArgument(f"cannot read request: {_cause(message)}", step="http"))
        else:
            response = replies.write_error(exc if isinstance(exc, Exception) else RuntimeError(message))
        response.force_close()
        return response

    async def finish_response(
        self, request: BaseRequest, resp: StreamResponse, start_time: float | None
    ) -> tuple[StreamResponse, bool]:
        """An HTTPException that no middleware has seen: of the header Expect."""
        told = replies.write_error(resp) if isinstance(resp, web.HTTPException) else resp
        return await super().finish_response(request, told, start_time)


def _cause(message: str | None) -> str:
    """Return the first line of what the parser says; others show the bytes."""
    first = (message or "it is no HTTP").strip().partition("\n")[0].rstrip(":. ")[:_LONGEST]
    return first[:1].lower() + first[1:]
