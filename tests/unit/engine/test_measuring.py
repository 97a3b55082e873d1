"""Measuring containers: what may hang holds up nobody."""

import asyncio
import threading
from types import SimpleNamespace
from typing import Any

from containerd_py.engine.measuring import Measuring
from containerd_py.runtime.cgroups.manager import Cgroup


async def test_processes_are_listed_whatever_the_threads_for_all_wait_for() -> None:
    container: Any = SimpleNamespace(id="web", check=lambda *_: None, cgroup=Cgroup(None, ()))
    parts: Any = None
    gate = threading.Event()
    hanging = [asyncio.create_task(asyncio.to_thread(gate.wait, 60)) for _ in range(64)]
    await asyncio.sleep(0)
    try:
        async with asyncio.timeout(20):
            assert await Measuring(parts, lambda *_: container).processes("web") == ()
    finally:
        gate.set()
        await asyncio.gather(*hanging)
