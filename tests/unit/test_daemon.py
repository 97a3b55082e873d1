"""Reaping what became our child."""

import asyncio
import os
import subprocess

from containerd_py.daemon import Reaper


def ended_child() -> subprocess.Popen[bytes]:
    """Return a child that waits to be reaped."""
    child = subprocess.Popen(["/bin/true"])
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    return child


def is_reaped(child: subprocess.Popen[bytes]) -> bool:
    try:
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return True
    return False


async def test_orphans_are_reaped_though_the_first_child_is_awaited() -> None:
    awaited, *orphans = [ended_child() for _ in range(3)]
    waiting = {awaited.pid}
    Reaper(waiting.__contains__).sweep()
    assert not is_reaped(awaited)
    awaited.wait()
    waiting.clear()
    async with asyncio.timeout(30):
        while not all(map(is_reaped, orphans)):
            await asyncio.sleep(0.01)
    for orphan in orphans:
        orphan.wait()


async def test_a_child_that_nobody_awaits_any_more_is_reaped() -> None:
    """Its end may have been noted by the word of another witness."""
    child = ended_child()
    waiting = {child.pid}
    Reaper(waiting.__contains__).sweep()
    waiting.clear()
    async with asyncio.timeout(30):
        while not is_reaped(child):
            await asyncio.sleep(0.01)
    child.wait()
