"""Streams over plain HTTP: output as bytes, and what all streams have in common."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Protocol

import structlog
from aiohttp import HttpVersion11, web, web_protocol

from containerd_py.api import requests
from containerd_py.api.log_lines import StampedLines
from containerd_py.api.replies import Reply
from containerd_py.engine.following import Reading
from containerd_py.engine.views import OutputGap, Stream, Window
from containerd_py.errors import Conflict, ContainerdError, InvalidArgument, Unavailable
from containerd_py.light.dataclasses import dataclass, replace

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Mapping

    from containerd_py.engine.engine import Engine
    from containerd_py.engine.runs import Run
    from containerd_py.engine.views import OutputChunk

_log = structlog.get_logger()

LARGEST_OFFSET = 2**63 - 1
_MOST_LINES = 10**9
_SLOWEST_S = 60.0
START = "Output-Offset"
"""The header that tells where the body begins in all output: who has lost the connection goes on from there."""


@dataclass(frozen=True)
class Asked:
    """What a request for logs says."""

    offset: int | None
    stream: Stream | None
    follow: bool
    window: Window
    timestamps: bool


class Streaming(Protocol):
    """What has output and input, by id: containers are `Engine`'s, execs `Execs`'."""

    def output(
        self, reference: str, *, offset: int | None, stream: Stream | None, follow: bool, window: Window
    ) -> AsyncGenerator[OutputChunk | OutputGap, None]: ...

    async def start_of(self, reference: str, reading: Reading) -> int: ...

    def id_of(self, reference: str, action: str) -> str: ...

    def run_of(self, reference: str) -> Run: ...

    async def write_stdin(self, reference: str, data: bytes) -> None: ...

    async def close_stdin(self, reference: str) -> None: ...


async def logs(request: web.Request, engine: Engine) -> web.StreamResponse:
    asked = _asked(request)
    return await _send(request, engine.streams, engine.streams.logged(requests.reference(request), asked.offset), asked)


async def exec_logs(request: web.Request, engine: Engine) -> web.StreamResponse:
    asked = _asked(request)
    return await _send(request, engine.execs, engine.execs.logged(requests.reference(request), asked.offset), asked)


async def put_stdin(request: web.Request, engine: Engine) -> Reply:
    return await _feed(request, engine.streams)


async def put_exec_stdin(request: web.Request, engine: Engine) -> Reply:
    return await _feed(request, engine.execs)


def _asked(request: web.Request) -> Asked:
    query = requests.Query(request)
    offset = query.integer("offset", least=0, most=LARGEST_OFFSET)
    since_ns, until_ns = query.period()
    asked = Asked(
        offset=offset,
        stream=_stream(query.text("stream")),
        follow=query.boolean("follow", default=False),
        window=Window(
            since_ns=since_ns,
            until_ns=until_ns,
            tail=query.integer("tail", least=0, most=_MOST_LINES),
            kept=offset is None,
        ),
        timestamps=query.boolean("timestamps", default=False),
    )
    query.done()
    return asked


async def _send(request: web.Request, streaming: Streaming, reference: str, asked: Asked) -> web.StreamResponse:
    run = streaming.run_of(reference)
    start = await streaming.start_of(reference, Reading(asked.offset or 0, asked.stream, asked.follow, asked.window))
    response = await begun(request, "application/octet-stream", {START: str(start)})
    lines = StampedLines() if asked.timestamps else None
    window = replace(asked.window, tail=None, kept=False)
    output = streaming.output(reference, offset=start, stream=asked.stream, follow=asked.follow, window=window)
    async with broken_off_by_errors(request), contextlib.aclosing(output) as chunks:
        async for chunk in chunks:
            if isinstance(chunk, OutputGap):  # to go on would let the rest be taken for what follows
                raise Conflict(f"cannot go on at offset {chunk.start}: output is kept from {chunk.end} on")
            for data in (chunk.data,) if lines is None else lines.feed(chunk):
                await write_in_time(response, data)
        if asked.follow and run.output_end is None and not window.is_over():
            raise Unavailable("the daemon stops")
        for data in () if lines is None else lines.end():
            await write_in_time(response, data)
    await response.write_eof()
    return response


async def _feed(request: web.Request, streaming: Streaming) -> Reply:
    """Write the body to the payload's input as it comes, and as slowly as the payload reads."""
    reference = streaming.id_of(requests.reference(request), "write to")  # it may be renamed meanwhile
    query = requests.Query(request)
    end = query.boolean("close", default=False)
    query.done()
    try:
        async for data in request.content.iter_any():
            await streaming.write_stdin(reference, data)
    except web_protocol.RequestPayloadError as problem:
        raise requests.broken_body() from problem
    if end:
        await streaming.close_stdin(reference)
    return Reply(204)


async def begun(request: web.Request, kind: str, headers: Mapping[str, str] | None = None) -> web.StreamResponse:
    """Send the head of an answer whose length nobody knows yet. Raises InvalidArgument for HTTP/1.0.

    There it would end with the connection, whatever ended that: a reader could not tell a part from the whole.
    """
    if request.version < HttpVersion11:
        raise InvalidArgument(
            "cannot stream the answer: HTTP/1.0 has no end of it that tells a part from the whole",
            step="http",
            hint="ask by HTTP/1.1; a proxy in between may have to be told so",
        )
    response = web.StreamResponse(headers={"Content-Type": kind, **(headers or {})})
    await response.prepare(request)
    return response


@contextlib.asynccontextmanager
async def broken_off_by_errors(request: web.Request) -> AsyncIterator[None]:
    """For what comes after the head of a response: an error response would be taken for a part of the stream.

    A connection that breaks off, without the last chunk of HTTP/1.1, tells the client that this was not the end.
    """
    transport = request.transport  # later the request has none any more, though it may still be open
    try:
        yield
    except ConnectionError:
        raise
    except Exception as problem:
        cause = problem.exceptions[0] if isinstance(problem, ExceptionGroup) else problem
        _log.warning("stream broken off", path=request.path, cause=_told(cause))
        if transport is not None:
            transport.abort()  # a mere close would wait until the client takes what is buffered
        raise ConnectionResetError("the stream was broken off") from problem


def _told(cause: Exception) -> str:
    if isinstance(cause, TimeoutError):
        return str(cause) or "the client takes nothing"
    return cause.message if isinstance(cause, ContainerdError) else repr(cause)


def _stream(text: str | None) -> Stream | None:
    if text is not None and text not in tuple(Stream):
        raise InvalidArgument(f"cannot read parameter 'stream': stdout or stderr, not {text!r}", step="parse")
    return None if text is None else Stream(text)


async def write_in_time(response: web.StreamResponse, data: bytes) -> None:
    """A client that takes nothing for a minute is dropped; the container never waits for it (SECURITY R12)."""
    async with asyncio.timeout(_SLOWEST_S):
        await response.write(data)
