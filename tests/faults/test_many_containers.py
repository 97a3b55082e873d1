"""Thousands of containers, hundreds of starts at once: what the daemon holds grows as they do, and goes with them."""

import asyncio
import resource
import sys
from pathlib import Path

import pytest
from aiohttp import ClientTimeout

from tests.faults.leaks import Leaks
from tests.faults.test_many_exits import of_all
from tests.integration.daemon_process import Daemon

_AT_ONCE = 8
_OF_ITS_OWN, _OF_EACH = 1000, 4
"""Descriptors of the daemon: its own and a reserve; a pidfd, a control socket and two pipes of what waits for its start."""


def _room() -> int:
    """Return how many containers there can be for want of descriptors, which root may not raise everywhere."""
    return (resource.getrlimit(resource.RLIMIT_NOFILE)[1] - _OF_ITS_OWN) // _OF_EACH


@pytest.mark.timeout(3600)
async def test_what_is_held_grows_with_their_number(daemon: Daemon, rootfs: Path, leaks: Leaks, *, whole: bool) -> None:
    count, starts = (min(5000, _room()), 500) if whole else (60, 40)
    async with daemon.api() as api:
        api.session._timeout = ClientTimeout(600)
        room = asyncio.Semaphore(_AT_ONCE)

        async def make() -> str:
            async with room:
                return await api.create(rootfs, "/bin/sleep", "10000")

        async def run_all() -> list[str]:
            containers = await asyncio.gather(*(make() for _ in range(count)))
            begun = [asyncio.ensure_future(api.post(f"/v1/containers/{one}/start")) for one in containers[:starts]]
            assert {answer.status for answer in await asyncio.gather(*begun)} == {204}
            await of_all(api, containers[starts:], "start")
            return containers

        async def remove(container: str) -> None:
            async with room:
                assert (await api.delete(f"/v1/containers/{container}?force=true")).status == 204

        before = await leaks.level(api)
        containers = await run_all()
        listed = (await api.get("/v1/containers")).json["containers"]
        assert {one["id"] for one in listed if one["status"] == "running"} == set(containers)
        now = await leaks.level(api)
        grown = [there - then for there, then in zip(now.rss_kib, before.rss_kib, strict=True)]
        descriptors = now.fds.total() - before.fds.total()
        sys.stdout.write(f"{count} containers: {descriptors / count:.1f} descriptors, {sum(grown) / count:.0f} KiB each\n")
        assert descriptors <= 20 * count
        assert sum(grown) <= 200 * count + 32_768
        await asyncio.gather(*map(remove, containers))
        if whole:  # the interpreter gives back little of its memory: as many again need no more
            await leaks.begin_again(api)
            await asyncio.gather(*map(remove, await run_all()))
