"""The routes that control containers are asked for as the contract writes them."""

from __future__ import annotations

import contextlib
import json
from typing import TYPE_CHECKING, Any

import pytest
from aiohttp import web

from containerd_py.errors import Internal, NotFound
from containerd_py.wire import Exit, Reached, ResourcesSpec, UpdateRequest

if TYPE_CHECKING:
    from containerd_py.client import Client


async def test_an_error_that_comes_late_is_raised(daemon: Any, client: Client) -> None:
    """The status of a wait is told before it is known how it goes."""
    daemon.replies(
        "POST /v1/containers/web/wait", {"kind": "not_found", "message": "cannot wait for container 'web': gone"}
    )
    with pytest.raises(NotFound, match="gone"):
        await client.wait("web", "removed")
    daemon.replies("POST /v1/containers/web/wait", {"surprise": 1})
    with pytest.raises(Internal, match="cannot read the daemon's answer"):
        await client.wait("web")
    assert daemon.heard == ["POST /v1/containers/web/wait?condition=removed", "POST /v1/containers/web/wait"]


async def test_what_is_waited_for_may_be_no_end(daemon: Any, client: Client) -> None:
    daemon.replies("POST /v1/containers/web/wait", {"condition": "healthy"})
    assert await client.wait_until("web") == Reached(condition="healthy")
    ended = {"exit_code": 3, "reason": "exited", "finished_at": "2026-01-02T03:04:05.000006Z"}
    daemon.replies("POST /v1/containers/web/wait", ended)
    assert await client.wait_until("web") == Exit.model_validate(ended)
    assert daemon.heard == ["POST /v1/containers/web/wait?condition=healthy"] * 2


async def test_names_changes_and_lists(daemon: Any, client: Client) -> None:
    for action in ("rename", "update"):
        daemon.replies(f"POST /v1/containers/web/{action}", status=204)
    daemon.replies("POST /v1/prune", {"removed": ["a"], "freed_bytes": 1, "failed": []})
    daemon.replies("GET /v1/containers", {"containers": []})
    await client.rename("web", "db")
    await client.update("web", UpdateRequest(resources=ResourcesSpec(pids=None), restart="always"))
    assert (await client.prune(["a=b"])).removed == ("a",)
    await client.containers("running", ["l"], names=["n"], since="s", before="b", sort="-name", limit=2)
    await client.containers(health=["healthy", "none"])
    await client.containers(health="starting")
    assert daemon.heard == [
        "POST /v1/containers/web/rename?name=db",
        "POST /v1/containers/web/update",
        "POST /v1/prune?label=a%3Db",
        "GET /v1/containers?label=l&status=running&name=n&since=s&before=b&sort=-name&limit=2",
        "GET /v1/containers?health=healthy&health=none",
        "GET /v1/containers?health=starting",
    ]
    assert json.loads(daemon.bodies[1]) == {"resources": {"pids": None}, "restart": "always"}


async def test_figures_and_processes(daemon: Any, client: Client) -> None:
    daemon.replies("GET /v1/containers/web/top", {"processes": []})
    daemon.replies("GET /v1/stats", {"time": "2026-01-02T03:04:05.000006Z", "containers": []})
    daemon.replies("GET /v1/containers/web/stats", {"surprise": 1})
    assert (await client.top("web")).processes == ()
    assert [one.containers async for one in client.all_stats(["web"], ["a=b"])] == []  # without its end it is no line
    with contextlib.suppress(Internal):
        assert [one async for one in client.stats("web", interval_s=2)] == []
    assert daemon.heard == [
        "GET /v1/containers/web/top",
        "GET /v1/stats?container=web&label=a%3Db",
        "GET /v1/containers/web/stats?follow=true&interval=2",
    ]


async def test_stop_and_restart_say_how(daemon: Any, client: Client) -> None:
    daemon.replies("POST /v1/containers/web/restart", status=204)
    await client.restart("web")
    await client.restart("web", 2, "INT")
    assert daemon.heard == ["POST /v1/containers/web/restart", "POST /v1/containers/web/restart?timeout=2&signal=INT"]


async def test_pause_and_resume(daemon: Any, client: Client) -> None:
    for action in ("pause", "resume"):
        daemon.replies(f"POST /v1/containers/web/{action}", status=204)
    await client.pause("web")
    await client.resume("web")
    assert daemon.heard == ["POST /v1/containers/web/pause", "POST /v1/containers/web/resume"]


async def test_metrics_are_text(daemon: Any, client: Client) -> None:
    async def answer(_request: web.Request) -> web.Response:
        return web.Response(text="a 1.0\nb 2.0\n")

    daemon.on("GET /metrics", answer)
    assert await client.metrics() == "a 1.0\nb 2.0\n"
