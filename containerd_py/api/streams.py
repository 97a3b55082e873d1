"""Streams over plain HTTP: output as bytes, and what all streams have in common."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

import structlog
from aiohttp import web

from containerd_py.api import requests
from containerd_py.engine.views import Stream
from containerd_py.errors import InvalidArgument

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from containerd_py.engine.engine import Engine

_log = structlog.get_logger()

LARGEST_OFFSET = 2**63 - 1
_SLOWEST_S = 60.0


async def logs(request: web.Request, engine: Engine) -> web.StreamResponse:
    query = requests.Query(request)
    follow = query.boolean("follow", default=False)
    stream = _stream(query.text("stream"))
    offset = query.integer("offset", least=0, most=LARGEST_OFFSET)
    query.done()
    reference = engine.get(request.match_info["id"]).id
    response = web.StreamResponse(headers={"Content-Type": "application/octet-stream"})
    await response.prepare(request)
    async with broken_off_by_errors(request):
        async for chunk in engine.output(reference, offset=offset or 0, stream=stream, follow=follow):
            await write_in_time(response, chunk.data)
    await response.write_eof()
    return response


@contextlib.asynccontextmanager
async def broken_off_by_errors(request: web.Request) -> AsyncIterator[None]:
    """For what comes after the head of a response: an error response would be taken for a part of the stream.

    A connection that breaks off tells the client that this was not the end.
    """
    transport = request.transport  # later the request has none any more, though it may still be open
    try:
        yield
    except ConnectionError:
        raise
    except Exception as problem:
        cause = problem.exceptions[0] if isinstance(problem, ExceptionGroup) else problem
        told = "the client takes nothing" if isinstance(cause, TimeoutError) else repr(cause)
        _log.warning("stream broken off", path=request.path, cause=told)
        if transport is not None:
            transport.abort()  # a mere close would wait until the client takes what is buffered
        raise ConnectionResetError("the stream was broken off") from problem


def _stream(text: str | None) -> Stream | None:
    if text is not None and text not in tuple(Stream):
        raise InvalidArgument(f"cannot read parameter 'stream': stdout or stderr, not {text!r}", step="parse")
    return None if text is None else Stream(text)


async def write_in_time(response: web.StreamResponse, data: bytes) -> None:
    """A client that takes nothing for a minute is dropped; the container never waits for it (SECURITY R12)."""
    async with asyncio.timeout(_SLOWEST_S):
        await response.write(data)
