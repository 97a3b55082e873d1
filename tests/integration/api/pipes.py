"""What stands in a payload's input."""

import array
import asyncio
import fcntl
import termios

from tests.integration.api_client import Api


async def until_input_waits(api: Api, container: str) -> None:
    """Wait until there are bytes in the payload's input that it has not read."""
    pid = (await api.get(f"/v1/containers/{container}")).json["pid"]
    async with asyncio.timeout(30):
        while not _waiting(pid):
            await asyncio.sleep(0.01)


def _waiting(pid: int) -> int:
    """Return how many bytes stand in a pipe that is a process's input (FIONREAD, pipe(7))."""
    count = array.array("i", [0])
    with open(f"/proc/{pid}/fd/0", "rb") as pipe:
        fcntl.ioctl(pipe, termios.FIONREAD, count)
    return count[0]
