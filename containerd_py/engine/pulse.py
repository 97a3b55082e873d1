"""The daemon's pulse: it beats while the event loop runs and the spawner answers.

A spawner that does not answer is ended and replaced, and until then the beat is withheld. While none can be started (a host
without memory or processes) it beats: containers can be stopped and read all the same, and a daemon that is started anew
would be no better off.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from containerd_py.engine.spawner import SpawnerLink
    from containerd_py.engine.tasks import Tasks

USUAL_S = 15.0
_SILENCE_S = 10.0
_AGAIN_S = 0.2


class Pulse:
    """beat: called every `pause_s`, from `begin` on."""

    def __init__(self, link: SpawnerLink, tasks: Tasks) -> None:
        self._link = link
        self._tasks = tasks
        self._task: asyncio.Task[None] | None = None

    def begin(self, beat: Callable[[], None], pause_s: float = USUAL_S) -> None:
        self._task = self._tasks.start(self._run(beat, pause_s), name="pulse")

    def close(self) -> None:
        if self._task is not None:
            self._task.cancel()

    async def _run(self, beat: Callable[[], None], pause_s: float) -> None:
        while True:
            # Silence and pause together are less than two pauses, after which the manager would end the daemon instead.
            if await self._link.answers(within_s=min(pause_s / 2, _SILENCE_S)):
                beat()
                await asyncio.sleep(pause_s)
            else:
                await asyncio.sleep(_AGAIN_S)
