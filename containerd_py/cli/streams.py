"""Bytes from and to this process's own file descriptors, without blocking the event loop.

The descriptors are shared with the shell and other processes: they are never made non-blocking.
"""

from __future__ import annotations

import asyncio
import os
import select
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

CHUNK_BYTES = 32 * 1024


async def read_chunks(fd: int) -> AsyncIterator[bytes]:
    """Yield what `fd` has until its end; a terminal that hung up is at its end."""
    while data := await _read(fd):
        yield data


async def write_all(fd: int, data: bytes) -> None:
    """Write all of `data`, however slow the reader is; BrokenPipeError where there is none."""
    await asyncio.to_thread(_write_all, fd, data)


async def _read(fd: int) -> bytes:
    try:
        return await _read_when_ready(fd)
    except PermissionError:
        # epoll refuses regular files and /dev/null, whose reads do not wait for anybody.
        return await asyncio.to_thread(os.read, fd, CHUNK_BYTES)
    except OSError:
        return b""


async def _read_when_ready(fd: int) -> bytes:
    loop = asyncio.get_running_loop()
    while True:
        ready = asyncio.Event()
        loop.add_reader(fd, ready.set)
        try:
            await ready.wait()
        finally:
            loop.remove_reader(fd)
        try:
            return os.read(fd, CHUNK_BYTES)
        except BlockingIOError:  # another process made it non-blocking and was faster
            continue


def _write_all(fd: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        try:
            view = view[os.write(fd, view) :]
        except BlockingIOError:  # another process made it non-blocking
            select.select([], [fd], [])
