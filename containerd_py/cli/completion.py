"""Names of containers for the shell's completion, asked of the daemon while the user types."""

import asyncio
import os

import typer

from containerd_py.cli.settings import SOCKET_VARIABLE
from containerd_py.client import DEFAULT_SOCKET, Client
from containerd_py.errors import ContainerdError

_PATIENCE_S = 1.0


def container_names(ctx: typer.Context, incomplete: str) -> list[str]:
    """Return the names that start with `incomplete`; none where the daemon does not answer at once."""
    chosen = ctx.find_root().params.get("socket")
    path = chosen or os.environ.get(SOCKET_VARIABLE) or DEFAULT_SOCKET
    try:
        names = asyncio.run(asyncio.wait_for(_names(path), _PATIENCE_S))
    except (ContainerdError, TimeoutError):
        return []
    return [name for name in names if name.startswith(incomplete)]


async def _names(path: str) -> list[str]:
    async with Client(path) as client:
        return sorted(one.name for one in await client.containers())
