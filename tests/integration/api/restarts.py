"""Watching containers that are started again."""

import asyncio
import json
from pathlib import Path
from typing import Any

from tests.integration.api_client import Api


async def started(api: Api, rootfs: Path, script: str, **fields: Any) -> str:
    container = await api.create(rootfs, "/bin/sh", "-c", script, **fields)
    assert (await api.post(f"/v1/containers/{container}/start")).status == 204
    return container


async def until(api: Api, container: str, **fields: Any) -> Any:
    """Wait until the container's fields are these; return all of it."""
    async with asyncio.timeout(30):
        while True:
            found = (await api.get(f"/v1/containers/{container}")).json
            if {name: found[name] for name in fields} == fields:
                return found
            await asyncio.sleep(0.01)


async def output(api: Api, container: str, lines: int) -> bytes:
    """Wait until there are that many lines of output; return all of it."""
    async with asyncio.timeout(30):
        while (body := (await api.get(f"/v1/containers/{container}/logs")).body).count(b"\n") < lines:
            await asyncio.sleep(0.01)
    return body


async def events(api: Api) -> list[tuple[str, dict[str, str]]]:
    lines = (await api.get("/v1/events?since_id=0&follow=false")).body.splitlines()
    return [(event["type"].removeprefix("container."), event["attributes"]) for event in map(json.loads, lines)]


async def remove(api: Api, container: str) -> None:
    assert (await api.delete(f"/v1/containers/{container}?force=true")).status == 204
