"""The routes that control containers are asked for as the contract writes them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from containerd_py.client import Client


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
