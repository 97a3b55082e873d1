"""Files of containers over HTTP: archives as they come, at the speed of the slower side."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import parse_qsl

from aiohttp import web_protocol

from containerd_py import wire
from containerd_py.api import requests, shown
from containerd_py.api.replies import Reply
from containerd_py.api.streams import begun, broken_off_by_errors, write_in_time
from containerd_py.errors import DeadlineExceeded, InvalidArgument

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from aiohttp import web

    from containerd_py.engine.engine import Engine

_LONGEST_PATH = 4095
_IDLE_S = 300.0
_TAR, _LINES = "application/x-tar", "application/x-ndjson"
_BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)


class Chunked(Protocol):
    def chunks(self) -> AsyncGenerator[bytes, None]: ...


async def stat(request: web.Request, engine: Engine) -> Reply:
    found = await engine.archives.stat(requests.reference(request), _path(request))
    return Reply(200, path_stat(found))


async def get(request: web.Request, engine: Engine) -> web.StreamResponse:
    async with engine.archives.packing(requests.reference(request), _path(request)) as packed:
        return await _send(request, packed, _TAR)


async def put(request: web.Request, engine: Engine) -> Reply:
    async with engine.archives.unpacking(requests.reference(request), _path(request)) as unpacked:
        while data := await _next(request):
            await unpacked.feed(data)
        await unpacked.finish()
    return Reply(204)


async def export(request: web.Request, engine: Engine) -> web.StreamResponse:
    requests.Query(request).done()
    async with engine.archives.exporting(requests.reference(request)) as exported:
        return await _send(request, exported, _TAR)


async def diff(request: web.Request, engine: Engine) -> web.StreamResponse:
    requests.Query(request).done()
    async with engine.archives.comparing(requests.reference(request)) as compared:
        return await _send(request, compared, _LINES)


async def _send(request: web.Request, source: Chunked, kind: str) -> web.StreamResponse:
    """What goes wrong from here on breaks the answer off: it cannot be told any more."""
    response = await begun(request, kind)
    async with broken_off_by_errors(request):
        async for data in source.chunks():
            await write_in_time(response, data)
    await response.write_eof()
    return response


async def _next(request: web.Request) -> bytes:
    """Return what has come of the body, b"" at its end. Raises InvalidArgument, DeadlineExceeded."""
    try:
        async with asyncio.timeout(_IDLE_S):
            return await request.content.readany()
    except web_protocol.RequestPayloadError as problem:
        raise requests.broken_body() from problem
    except TimeoutError:
        raise DeadlineExceeded(f"cannot read archive: nothing has come for {_IDLE_S:.0f} s", step="read") from None


def path_stat(found: dict[str, Any]) -> wire.PathStat:
    """From what a worker has found to the wire: names are anything but text."""
    given = found | {"mtime": _time(found["mtime_ns"])}
    del given["mtime_ns"]
    for name in ("name", "link_target"):
        if given[name] is not None:
            given[name] = _text(given[name])
    return wire.PathStat(**given)


def _text(name: str) -> str:
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def _time(ns: int) -> str | None:
    try:
        return shown.time(_BEGINNING + timedelta(microseconds=ns // 1000))
    except OverflowError:
        return None


def _path(request: web.Request) -> str:
    """Read the path, the only parameter; bytes of it that are no UTF-8 as os.fsdecode does. Raises InvalidArgument."""
    query = requests.Query(request)
    known = query.text("path") is not None
    query.done()
    if not known:
        raise InvalidArgument("cannot read parameter 'path': it is missing", step="parse")
    ((_name, path),) = parse_qsl(request.rel_url.raw_query_string, keep_blank_values=True, errors="surrogateescape")
    cause = None
    if not path.startswith("/"):
        cause = f"it begins with '/', other than {path[:100]!r}"
    elif "\0" in path:
        cause = "it has a NUL in it"
    elif len(path.encode("utf-8", "surrogateescape")) > _LONGEST_PATH:
        cause = f"it is longer than {_LONGEST_PATH} bytes"
    if cause is not None:
        raise InvalidArgument(f"cannot read parameter 'path': {cause}", step="parse")
    return path
