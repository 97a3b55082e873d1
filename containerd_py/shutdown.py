"""`pycontainerd shutdown`: stop all containers, by the daemon that runs, or as one for a moment."""

from __future__ import annotations

import asyncio
import os
import sys
from typing import TYPE_CHECKING

from containerd_py.client import Client
from containerd_py.daemon import build_engine, served_socket
from containerd_py.engine.views import ShutDown
from containerd_py.errors import Unavailable

if TYPE_CHECKING:
    from containerd_py import wire
    from containerd_py.config import DaemonConfig


async def run(config: DaemonConfig) -> int:
    """Return 1 where a container could not be stopped. Raises ContainerdError where nothing could be done."""
    told = await _by_ourselves(config) or await _by_the_daemon(config)
    for failure in told.failed:
        sys.stderr.write(f"pycontainerd: {failure.message}\n")
    return 1 if told.failed else 0


async def _by_ourselves(config: DaemonConfig) -> ShutDown | None:
    """None where a daemon runs: it has the state directory."""
    if not await asyncio.to_thread(os.path.isdir, config.state_dir):
        return ShutDown((), ())  # there was never a daemon in this boot
    engine = build_engine(config)
    try:
        await engine.start(shutting_down=True)
    except Unavailable as problem:
        if problem.step == "lock":
            return None
        raise
    try:
        return await engine.shut_down()
    finally:
        await engine.close()


async def _by_the_daemon(config: DaemonConfig) -> wire.ShutDown:
    async with Client(served_socket(config)) as client:
        return await client.shut_down()
