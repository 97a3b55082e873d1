"""Events, as lines of JSON, or as messages of a WebSocket."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from containerd_py.api import event_socket, requests, shown, websockets
from containerd_py.api.streams import LARGEST_OFFSET, begun, broken_off_by_errors, write_in_time
from containerd_py.engine.selection import Selection
from containerd_py.errors import InvalidArgument, Unavailable
from containerd_py.wire import EVENT_TYPES

if TYPE_CHECKING:
    from aiohttp import web

    from containerd_py.engine.engine import Engine


async def events(request: web.Request, engine: Engine) -> web.StreamResponse:
    query = requests.Query(request)
    selection = _selection(query, engine)
    follow = query.boolean("follow", default=True)
    query.done()
    if websockets.is_asked_for(request):
        return await event_socket.serve(request, engine.events(selection, follow=follow), selection, follow=follow)
    response = await begun(request, "application/x-ndjson")
    async with broken_off_by_errors(request), contextlib.aclosing(engine.events(selection, follow=follow)) as told:
        async for event in told:
            await write_in_time(response, shown.event(event).model_dump_json().encode() + b"\n")
        left_s = selection.left_s()
        if follow and (left_s is None or left_s > 0):
            raise Unavailable("the daemon stops")
    await response.write_eof()
    return response


def _selection(query: requests.Query, engine: Engine) -> Selection:
    since_id = query.integer("since_id", least=0, most=LARGEST_OFFSET)
    since_ns, until_ns = query.period()
    if since_id is not None and since_ns is not None:
        raise InvalidArgument("cannot read parameter 'since': there is a 'since_id' already", step="parse")
    types = query.texts("type")
    for kind in types:
        if kind not in EVENT_TYPES:
            raise InvalidArgument(
                f"cannot read parameter 'type': no events of type {kind!r}",
                step="parse",
                hint=f"types are {', '.join(EVENT_TYPES)}",
            )
    containers = tuple(engine.container_filter(reference) for reference in _given(query, "container"))
    return Selection(since_id, since_ns, until_ns, types, containers, _given(query, "label"))


def _given(query: requests.Query, name: str) -> tuple[str, ...]:
    texts = query.texts(name)
    if "" in texts:
        raise InvalidArgument(f"cannot read parameter {name!r}: it is empty", step="parse")
    return texts
