"""Waiting for a container: the head of the answer goes out at once, so that its reader knows that the wait has begun."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from containerd_py.api import replies, requests, shown
from containerd_py.api.streams import begun, broken_off_by_errors
from containerd_py.engine.waiting import Condition
from containerd_py.errors import ContainerdError, InvalidArgument

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from aiohttp import web

    from containerd_py import wire
    from containerd_py.engine.engine import Engine

Waited = TypeVar("Waited")


async def wait(request: web.Request, engine: Engine) -> web.StreamResponse:
    """The status is told by then: what goes wrong later is an `ErrorBody` under 200."""
    query = requests.Query(request)
    text = query.text("condition")
    text = Condition.NOT_RUNNING if text is None else text
    query.done()
    await requests.no_body(request)
    if text not in tuple(Condition):
        raise InvalidArgument(
            f"cannot read parameter 'condition': one of {', '.join(Condition)}, not {text!r}", step="parse"
        )
    waiting = engine.waiting(requests.reference(request), Condition(text))
    return await told_late(request, waiting.result(), shown.waited)


async def told_late(
    request: web.Request, end: Coroutine[Any, Any, Waited], show: Callable[[Waited], wire.Wire]
) -> web.StreamResponse:
    """Send the head now, and how it ended once that is known."""
    try:
        response = await begun(request, "application/json")
        async with broken_off_by_errors(request):
            try:
                body = show(await end).model_dump_json()
            except ContainerdError as problem:
                body = replies.error_body(problem).model_dump_json(exclude_none=True)
            await response.write(body.encode() + b"\n")
    finally:
        end.close()  # it was never begun where the head could not be sent
    await response.write_eof()
    return response
