"""Control of containers beyond start and stop; each handler reads its request, asks the engine, returns a reply."""

from __future__ import annotations

from typing import TYPE_CHECKING

from containerd_py import wire
from containerd_py.api import requests, shown
from containerd_py.api.containers import stop_parameters
from containerd_py.api.replies import Reply

if TYPE_CHECKING:
    from aiohttp import web

    from containerd_py.engine.engine import Engine


async def pause(request: web.Request, engine: Engine) -> Reply:
    requests.Query(request).done()
    await requests.no_body(request)
    await engine.pause(requests.reference(request))
    return Reply(204)


async def resume(request: web.Request, engine: Engine) -> Reply:
    requests.Query(request).done()
    await requests.no_body(request)
    await engine.resume(requests.reference(request))
    return Reply(204)


async def restart(request: web.Request, engine: Engine) -> Reply:
    query = requests.Query(request)
    number, timeout_s = stop_parameters(query)
    query.done()
    await requests.no_body(request)
    await engine.restart(requests.reference(request), number=number, timeout_s=timeout_s)
    return Reply(204)


async def rename(request: web.Request, engine: Engine) -> Reply:
    query = requests.Query(request)
    name = query.identifier("name")
    query.done()
    await requests.no_body(request)
    await engine.rename(requests.reference(request), name)
    return Reply(204)


async def update(request: web.Request, engine: Engine) -> Reply:
    requests.Query(request).done()
    await engine.update(requests.reference(request), await requests.body_as(request, wire.UpdateRequest))
    return Reply(204)


async def prune(request: web.Request, engine: Engine) -> Reply:
    query = requests.Query(request)
    labels = query.texts("label")
    query.done()
    await requests.no_body(request)
    return Reply(200, shown.pruned(await engine.prune(labels)))
