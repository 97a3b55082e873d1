"""Files of containers: `Client.files`."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from containerd_py import wire
from containerd_py.client.failures import read_model
from containerd_py.client.lines import whole_lines
from containerd_py.client.paths import container_path

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterable

    from containerd_py.client.connection import Connection


class Files:
    """path: absolute, in the container. Archives are tar; one that breaks off is Unavailable: the log tells why."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def stat(self, container: str, path: str) -> wire.PathStat:
        """Return what stands at the path: a symlink at its end is told as what it is, unless a slash follows."""
        return await self._connection.fetch(wire.PathStat, "GET", container_path(container, "archive/stat"), {"path": path})

    def get(self, container: str, path: str) -> AsyncGenerator[bytes, None]:
        """Return an iterator over an archive of what is at the path; its members begin with the path's last component."""
        return self._connection.stream("GET", container_path(container, "archive"), {"path": path})

    async def put(self, container: str, path: str, archive: bytes | AsyncIterable[bytes]) -> None:
        """Unpack an archive into the directory at the path; return once all of it is there."""
        await self._connection.send("PUT", container_path(container, "archive"), {"path": path}, archive)

    def export(self, container: str) -> AsyncGenerator[bytes, None]:
        """Return an iterator over an archive of the root file system, without what is mounted on it."""
        return self._connection.stream("GET", container_path(container, "export"))

    async def changes(self, container: str) -> AsyncGenerator[wire.Change, None]:
        """Yield by what the root file system differs from the layers below it, where it is an overlay."""
        path = container_path(container, "diff")
        async with contextlib.aclosing(self._connection.stream("GET", path)) as chunks:
            async for line in whole_lines(chunks):
                yield read_model(wire.Change, line, f"GET {path}")
