"""The daemon itself: is it there, what is it, what has it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from containerd_py.api import requests, shown
from containerd_py.api.replies import Reply

if TYPE_CHECKING:
    from aiohttp import web

    from containerd_py.engine.engine import Engine


async def ping(request: web.Request, _engine: Engine) -> Reply:
    requests.Query(request).done()
    return Reply(200, "OK\n")


async def version(request: web.Request, _engine: Engine) -> Reply:
    requests.Query(request).done()
    return Reply(200, shown.version())


async def info(request: web.Request, engine: Engine) -> Reply:
    requests.Query(request).done()
    return Reply(200, shown.info(engine.info()))


async def doctor(request: web.Request, engine: Engine) -> Reply:
    requests.Query(request).done()
    return Reply(200, shown.examination(await engine.examine()))


async def declared(request: web.Request, engine: Engine) -> Reply:
    requests.Query(request).done()
    return Reply(200, shown.declared(engine.declared()))


async def shut_down(request: web.Request, engine: Engine) -> Reply:
    requests.Query(request).done()
    await requests.no_body(request)
    return Reply(200, shown.shut_down(await engine.shut_down()))


async def explain(request: web.Request, engine: Engine) -> Reply:
    requests.Query(request).done()
    return Reply(200, shown.explanation(await engine.explain(await requests.create_request(request))))
