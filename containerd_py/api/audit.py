"""One line in the log for each request that changes something, and for each that is refused: who, what, and how it went."""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import TYPE_CHECKING

from aiohttp import web

from containerd_py import log, wire
from containerd_py.api.routes import Effect
from containerd_py.errors import ContainerdError, Forbidden

if TYPE_CHECKING:
    from collections.abc import Iterator

    from containerd_py.api.access import Credentials
    from containerd_py.api.replies import Reply
    from containerd_py.api.routes import Route
    from containerd_py.engine.engine import Engine

_log = log.unfiltered()

_MADE = "pycontainerd.made"
_BEGUN = "pycontainerd.begun"
_ACCEPTED = 202
_LONGEST = 200
_CREATION = "create_container"


def note_answer(request: web.Request, reply: Reply) -> None:
    """Keep what was made, or begun, for the line."""
    if isinstance(reply.body, wire.Operation) and reply.status == _ACCEPTED:
        request[_BEGUN] = reply.body.id
    if isinstance(reply.body, wire.Created | wire.ExecCreated):
        request[_MADE] = reply.body.id


@contextlib.contextmanager
def audited(
    request: web.Request, route: Route | None, who: Credentials | None, socket: str, engine: Engine
) -> Iterator[None]:
    """Write the line when it is over.

    outcome: "done"; "begun", and its operation tells how it ends; "refused", by the rules of the socket; "failed"; "left":
    the client has gone before the answer, and what it asked for may go on.
    """
    begun_ns = time.monotonic_ns()
    outcome: dict[str, str] = {"outcome": "done"}
    changes = route is not None and route.effect is Effect.CHANGES
    found = _object(request, route if changes else None, engine)  # before it is deleted
    try:
        yield
        if _BEGUN in request:
            outcome = {"outcome": "begun", "begun": request[_BEGUN]}
    except Forbidden as problem:
        outcome = {"outcome": "refused", "kind": problem.kind, "reason": problem.message}
        raise
    except ContainerdError as problem:
        outcome = {"outcome": "failed", "kind": problem.kind}
        raise
    except (ConnectionError, asyncio.CancelledError):
        outcome = {"outcome": "left"}
        raise
    except web.HTTPException as problem:  # a body that is too large
        outcome = {"outcome": "failed", "status": str(problem.status)}
        raise
    except BaseException:
        outcome = {"outcome": "failed", "kind": "internal"}
        raise
    finally:
        if changes or outcome["outcome"] == "refused":
            peer = {} if who is None else {"uid": who.uid, "gid": who.gid, "pid": who.pid}
            operation = request.method if route is None else route.operation
            made = {"made": request[_MADE]} if _MADE in request else {}
            if operation == _CREATION:
                found |= {"container": made["made"]} if made else {}
            asked = request.rel_url.raw_query_string[:_LONGEST]
            query = {"query": asked} if asked else {}
            took_ms = round((time.monotonic_ns() - begun_ns) / 1e6, 3)
            _log.info("audit", socket=socket, **peer, operation=operation, **found, **query, **made, **outcome, ms=took_ms)


def _object(request: web.Request, route: Route | None, engine: Engine) -> dict[str, str]:
    """Return what it is about, as it was called, and the container's id where that is known. route: None: not looked up."""
    reference = request.match_info.get("id")
    if reference is None:
        return {}
    container = None
    if route is not None:
        of_exec = route.path.startswith("/v1/exec/")
        container = engine.execs.container_of(reference) if of_exec else engine.container_filter(reference).id
    return {"object": reference[:_LONGEST]} | ({} if container is None else {"container": container})
