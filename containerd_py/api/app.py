"""The aiohttp application, built from the route table."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from aiohttp import web

from containerd_py.api import audit, operations, replies
from containerd_py.api.access import credentials
from containerd_py.api.replies import Reply
from containerd_py.api.requests import LARGEST_BODY
from containerd_py.api.routes import ROUTES
from containerd_py.api.server import Runner
from containerd_py.engine.asking import asked_by
from containerd_py.engine.scope import within

if TYPE_CHECKING:
    from aiohttp.typedefs import Handler, Middleware

    from containerd_py.api.access import Access
    from containerd_py.api.routes import Route
    from containerd_py.engine.engine import Engine

_LARGEST_HEADER = 16 << 10
_BY_OPERATION = {route.operation: route for route in ROUTES}


def build(engine: Engine, access: Access) -> web.Application:
    """Return what serves one socket, by its rules."""
    app = web.Application(client_max_size=LARGEST_BODY, middlewares=[_guarded(engine, access)])
    for route in ROUTES:
        app.router.add_route(route.method, route.path, functools.partial(_serve, route, engine), name=route.operation)
    return app


def runner(app: web.Application) -> web.AppRunner:
    """handler_cancellation: a stream ends with its client; what must not be cut off is the engine's own task."""
    return Runner(
        app,
        access_log=None,
        handler_cancellation=True,
        max_line_size=_LARGEST_HEADER,
        max_field_size=_LARGEST_HEADER,
        shutdown_timeout=2.0,
        keepalive_timeout=75.0,
    )


async def _serve(route: Route, engine: Engine, request: web.Request) -> web.StreamResponse:
    if route.deferrable and operations.deferred(request):
        answer = await operations.begin(request, engine, route.handler)
    else:
        answer = await route.handler(request, engine)
    if not isinstance(answer, Reply):
        return answer
    audit.note_answer(request, answer)
    return replies.write(answer)


def _guarded(engine: Engine, access: Access) -> Middleware:
    """Every request goes through here, those without a route too."""

    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        route = _BY_OPERATION.get(request.match_info.route.name or "")
        who = credentials(request)
        try:
            with (
                asked_by(None if who is None else who.peer),
                within(access.scope),
                audit.audited(request, route, who, access.socket, engine),
            ):
                access.check(request, route)
                return await handler(request)
        except ConnectionError:
            raise  # the client has gone: there is nobody to answer
        except Exception as problem:
            return replies.write_error(problem)

    return middleware
