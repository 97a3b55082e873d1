"""Whether a daemon holds more than it did."""

import asyncio
import time
from dataclasses import replace

from tests.integration.api_client import Api
from tests.integration.daemon_process import Daemon
from tests.surroundings import Level

_PATIENCE_S = 40.0


class Leaks:
    def __init__(self, daemon: Daemon) -> None:
        self._daemon = daemon
        self._before: Level | None = None

    async def begin(self, api: Api) -> None:
        """From here on it is to hold no more than now."""
        self._before = await self.level(api)

    async def begin_again(self, api: Api) -> None:
        """From here on it is to have no more memory than now, and of all else no more than at the beginning."""
        assert self._before is not None
        self._before = replace(self._before, rss_kib=(await self.level(api)).rss_kib)

    async def check(self, api: Api, case: object = "") -> None:
        """Wait until it does not. case: what was done since, for the message."""
        assert self._before is not None
        deadline = time.monotonic() + _PATIENCE_S
        while told := (await self.level(api)).differences(self._before):
            assert time.monotonic() < deadline, f"{case}: left behind: {told}"
            await asyncio.sleep(0.02)

    async def level(self, api: Api) -> Level:
        info, metrics = await api.get("/v1/info"), await api.get("/metrics")
        return Level.of(info.json, metrics.body.decode(), self._daemon.state_dir.parent)
