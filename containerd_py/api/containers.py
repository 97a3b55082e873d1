"""Containers: each handler reads its request, asks the engine, returns a reply."""

from __future__ import annotations

import signal
import time
from typing import TYPE_CHECKING

from containerd_py import wire
from containerd_py.api import requests, shown
from containerd_py.api.replies import Reply
from containerd_py.engine.views import Status
from containerd_py.errors import InvalidArgument

if TYPE_CHECKING:
    from aiohttp import web

    from containerd_py.engine.engine import Engine
    from containerd_py.engine.views import ContainerView

_STOP_S = 10.0
_LONGEST_STOP_S = 86_400.0


async def create(request: web.Request, engine: Engine) -> Reply:
    arrived_ns = time.monotonic_ns()
    requests.Query(request).done()
    view = await engine.create(await requests.create_request(request), arrived_ns=arrived_ns)
    return Reply(201, wire.Created(id=view.id, name=view.name))


async def list_all(request: web.Request, engine: Engine) -> Reply:
    query = requests.Query(request)
    status, labels = query.text("status"), query.texts("label")
    query.done()
    if status is not None and status not in tuple(Status):
        raise InvalidArgument(f"cannot read parameter 'status': one of {', '.join(Status)}, not {status!r}", step="parse")
    views = engine.list(status=None if status is None else Status(status))
    found = tuple(shown.summary(view) for view in views if all(_has_label(view, label) for label in labels))
    return Reply(200, wire.ContainerList(containers=found))


def _has_label(view: ContainerView, label: str) -> bool:
    """label: "key" or "key=value"."""
    key, separator, value = label.partition("=")
    return key in view.labels and (not separator or view.labels[key] == value)


async def inspect(request: web.Request, engine: Engine) -> Reply:
    requests.Query(request).done()
    return Reply(200, shown.detail(engine.get(_id(request))))


async def delete(request: web.Request, engine: Engine) -> Reply:
    query = requests.Query(request)
    force = query.boolean("force", default=False)
    query.done()
    await engine.delete(_id(request), force=force)
    return Reply(204)


async def start(request: web.Request, engine: Engine) -> Reply:
    requests.Query(request).done()
    await requests.no_body(request)
    await engine.start_container(_id(request))
    return Reply(204)


async def kill(request: web.Request, engine: Engine) -> Reply:
    query = requests.Query(request)
    text = query.text("signal")
    query.done()
    await requests.no_body(request)
    engine.kill(_id(request), signal.SIGKILL if text is None else requests.signal_number(text))
    return Reply(204)


async def stop(request: web.Request, engine: Engine) -> Reply:
    query = requests.Query(request)
    timeout_s = query.seconds("timeout", default=_STOP_S, most=_LONGEST_STOP_S)
    query.done()
    await requests.no_body(request)
    return Reply(200, shown.ended(await engine.stop(_id(request), timeout_s=timeout_s)))


async def wait(request: web.Request, engine: Engine) -> Reply:
    requests.Query(request).done()
    await requests.no_body(request)
    return Reply(200, shown.ended(await engine.wait(_id(request))))


async def resize(request: web.Request, engine: Engine) -> Reply:
    rows, columns = await requests.window(request)
    engine.resize(_id(request), rows=rows, columns=columns)
    return Reply(204)


async def timeline(request: web.Request, engine: Engine) -> Reply:
    requests.Query(request).done()
    return Reply(200, shown.timeline(await engine.timeline(_id(request))))


def _id(request: web.Request) -> str:
    return request.match_info["id"]
