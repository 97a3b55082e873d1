"""Processes that are executed in containers: each handler reads its request, asks the engine, returns a reply."""

from __future__ import annotations

from typing import TYPE_CHECKING

from containerd_py import wire
from containerd_py.api import attach, requests, shown, waiting
from containerd_py.api.replies import Reply

if TYPE_CHECKING:
    from aiohttp import web

    from containerd_py.engine.engine import Engine


async def create(request: web.Request, engine: Engine) -> Reply:
    requests.Query(request).done()
    key = requests.idempotency_key(request)
    view = await engine.execs.create(requests.reference(request), await requests.body_as(request, wire.ExecSpec), key=key)
    return Reply(201, wire.ExecCreated(id=view.id))


async def list_all(request: web.Request, engine: Engine) -> Reply:
    requests.Query(request).done()
    return Reply(200, wire.ExecList(execs=tuple(map(shown.exec_detail, engine.execs.of(requests.reference(request))))))


async def inspect(request: web.Request, engine: Engine) -> Reply:
    requests.Query(request).done()
    return Reply(200, shown.exec_detail(engine.execs.get(requests.reference(request))))


async def start(request: web.Request, engine: Engine) -> Reply:
    requests.Query(request).done()
    await requests.no_body(request)
    await engine.execs.start(requests.reference(request))
    return Reply(204)


async def kill(request: web.Request, engine: Engine) -> Reply:
    number = await requests.kill_signal(request)
    await engine.execs.kill(requests.reference(request), number)
    return Reply(204)


async def wait(request: web.Request, engine: Engine) -> web.StreamResponse:
    requests.Query(request).done()
    await requests.no_body(request)
    return await waiting.told_late(
        request, engine.execs.wait(engine.execs.id_of(requests.reference(request), "wait for")), shown.waited
    )


async def resize(request: web.Request, engine: Engine) -> Reply:
    rows, columns = await requests.window(request)
    engine.execs.resize(requests.reference(request), rows=rows, columns=columns)
    return Reply(204)


async def delete(request: web.Request, engine: Engine) -> Reply:
    query = requests.Query(request)
    force = query.boolean("force", default=False)
    query.done()
    await engine.execs.delete(requests.reference(request), force=force)
    return Reply(204)


async def join(request: web.Request, engine: Engine) -> web.StreamResponse:
    offset = attach.read_request(request)
    one = engine.execs.joinable(requests.reference(request), "attach to")
    return await attach.join(request, engine.execs, one.id, one.log.size if offset is None else offset)
