"""Operations: what may take long, for those who do not wait for it in the request that asks for it."""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING

from containerd_py import wire
from containerd_py.api import requests, shown
from containerd_py.api.replies import Reply
from containerd_py.api.waiting import told_late
from containerd_py.engine.operations import expecting

if TYPE_CHECKING:
    from aiohttp import web

    from containerd_py.api.routes import Handler
    from containerd_py.engine.engine import Engine

_PREFER = "Prefer"
_ASYNC = "respond-async"


async def list_all(request: web.Request, engine: Engine) -> Reply:
    requests.Query(request).done()
    return Reply(200, wire.OperationList(operations=tuple(map(shown.operation, engine.operations.list()))))


async def inspect(request: web.Request, engine: Engine) -> Reply:
    requests.Query(request).done()
    return Reply(200, shown.operation(engine.operations.get(requests.reference(request))))


async def wait(request: web.Request, engine: Engine) -> web.StreamResponse:
    requests.Query(request).done()
    await requests.no_body(request)
    return await told_late(request, engine.operations.waiting(requests.reference(request)), shown.operation)


def deferred(request: web.Request) -> bool:
    """True where the client would rather not wait (RFC 7240, "respond-async")."""
    given = ",".join(request.headers.getall(_PREFER, ())).lower()
    return any(re.split(r"[;=]", one)[0].strip() == _ASYNC for one in given.split(","))


async def begin(request: web.Request, engine: Engine, handler: Handler) -> Reply | web.StreamResponse:
    """Answer once the operation has begun; with the handler's own answer where it does not come to that."""
    with expecting() as begun:
        asked = asyncio.ensure_future(handler(request, engine))
    try:
        await asyncio.wait((asked, begun), return_when=asyncio.FIRST_COMPLETED)
    except asyncio.CancelledError:
        asked.cancel()
        raise
    if not begun.done():
        return await asked
    asked.cancel()  # the operation goes on without
    await asyncio.wait((asked,))
    if not asked.cancelled():
        asked.exception()  # looked at: the operation tells it
    told = shown.operation(begun.result().view())
    return Reply(202, told, {"Location": f"/v1/operations/{told.id}", "Preference-Applied": _ASYNC})
