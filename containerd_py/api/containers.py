"""Containers: each handler reads its request, asks the engine, returns a reply."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from containerd_py import wire
from containerd_py.api import requests, shown
from containerd_py.api.replies import Reply

if TYPE_CHECKING:
    from aiohttp import web

    from containerd_py.engine.engine import Engine


async def create(request: web.Request, engine: Engine) -> Reply:
    arrived_ns = time.monotonic_ns()
    requests.Query(request).done()
    key = requests.idempotency_key(request)
    made = await engine.create(await requests.create_request(request), arrived_ns=arrived_ns, key=key)
    return Reply(201, wire.Created(id=made.id, name=made.name))


async def inspect(request: web.Request, engine: Engine) -> Reply:
    requests.Query(request).done()
    return Reply(200, shown.detail(engine.get(requests.reference(request))))


async def delete(request: web.Request, engine: Engine) -> Reply:
    query = requests.Query(request)
    force = query.boolean("force", default=False)
    query.done()
    await engine.delete(requests.reference(request), force=force)
    return Reply(204)


async def start(request: web.Request, engine: Engine) -> Reply:
    requests.Query(request).done()
    await requests.no_body(request)
    await engine.start_container(requests.reference(request))
    return Reply(204)


async def kill(request: web.Request, engine: Engine) -> Reply:
    number = await requests.kill_signal(request)
    await engine.kill(requests.reference(request), number)
    return Reply(204)


async def stop(request: web.Request, engine: Engine) -> Reply:
    query = requests.Query(request)
    number, timeout_s = stop_parameters(query)
    query.done()
    await requests.no_body(request)
    return Reply(200, shown.ended(await engine.stop(requests.reference(request), number=number, timeout_s=timeout_s)))


def stop_parameters(query: requests.Query) -> tuple[int | None, float | None]:
    """Read with which signal to stop, and how long to wait; None: as the container has it."""
    text = query.text("signal")
    timeout_s = query.seconds("timeout", most=wire.LONGEST_STOP_S)
    return None if text is None else requests.signal_number(text), timeout_s


async def resize(request: web.Request, engine: Engine) -> Reply:
    rows, columns = await requests.window(request)
    engine.streams.resize(requests.reference(request), rows=rows, columns=columns)
    return Reply(204)


async def timeline(request: web.Request, engine: Engine) -> Reply:
    requests.Query(request).done()
    return Reply(200, shown.timeline(await engine.timeline(requests.reference(request))))
