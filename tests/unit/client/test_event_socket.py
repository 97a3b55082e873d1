"""Events by a WebSocket: models to their end, and why there are no more."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from aiohttp import web

from containerd_py import errors

if TYPE_CHECKING:
    from containerd_py.client import Client

EVENT = '{"seq":%d,"time":"2026-01-02T03:04:05.000006Z","type":"container.created","id":"a","name":"b"}'


def sends(daemon: Any, *messages: str | bytes, code: int = 1000, reason: str = "") -> None:
    async def answer(request: web.Request) -> web.StreamResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        for message in messages:
            await (socket.send_str(message) if isinstance(message, str) else socket.send_bytes(message))
        if code:
            await socket.close(code=code, message=reason.encode())
        elif request.transport is not None:
            request.transport.abort()
        return socket

    daemon.on("GET /v1/events", answer)


async def test_events_come_to_their_end(daemon: Any, client: Client) -> None:
    sends(daemon, EVENT % 1, EVENT % 2)
    found = client.events(0, types=("container.created",), follow=False, websocket=True)
    assert [event.seq async for event in found] == [1, 2]
    assert daemon.heard == ["GET /v1/events?follow=false&since_id=0&type=container.created"]


@pytest.mark.parametrize(
    ("code", "reason", "told"),
    [
        (1013, "too slow: go on with since_id=7", "too slow: go on with since_id=7"),
        (1001, "the daemon stops", "the daemon stops"),
        (0, "", "connection lost"),
    ],
)
async def test_an_end_too_early_is_an_error(daemon: Any, client: Client, code: int, reason: str, told: str) -> None:
    sends(daemon, EVENT % 7, code=code, reason=reason)
    events = client.events(websocket=True)
    assert (await anext(events)).seq == 7
    with pytest.raises(errors.Unavailable, match=told) as problem:
        await anext(events)
    assert problem.value.hint == "go on with since_id 7"


async def test_what_no_client_should_meet_is_a_defect(daemon: Any, client: Client) -> None:
    sends(daemon, code=1003, reason="events take no messages")
    with pytest.raises(errors.Internal, match="events take no messages"):
        await anext(client.events(websocket=True))
    sends(daemon, '{"seq": "x"}')
    with pytest.raises(errors.Internal, match="seq"):
        await anext(client.events(websocket=True))


async def test_a_refusal_is_the_error_that_it_names(daemon: Any, client: Client) -> None:
    daemon.replies("GET /v1/events", {"kind": "forbidden", "message": "cannot serve request: no"}, status=403)
    with pytest.raises(errors.Forbidden, match="cannot serve request: no"):
        await anext(client.events(websocket=True))
