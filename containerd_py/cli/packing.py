"""Files of this host as an archive for a container: made as fast as it is sent."""

from __future__ import annotations

import asyncio
import contextlib
import os
import tarfile
from typing import TYPE_CHECKING

from containerd_py.cli.streams import read_chunks
from containerd_py.errors import InvalidArgument, Unavailable

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, Awaitable, Callable


async def send_packed(
    source: str, name: str, send: Callable[[AsyncIterable[bytes]], Awaitable[None]], *, keep_owners: bool
) -> None:
    """Send what is at `source` as a member `name` ("" for what is in it). Without `keep_owners` all of it is root's.

    Raises InvalidArgument for what cannot be read, and what `send` does.
    """
    read, write = os.pipe2(os.O_CLOEXEC)
    packing = asyncio.ensure_future(asyncio.to_thread(_pack, write, source, name or ".", keep_owners=keep_owners))
    try:
        await send(_whole(read, packing))
    except Unavailable:
        if packing.done():
            packing.result()  # what could not be read is why it broke off
        raise
    finally:
        os.close(read)
        with contextlib.suppress(InvalidArgument):
            await packing


async def _whole(read: int, packing: Awaitable[None]) -> AsyncIterable[bytes]:
    async for data in read_chunks(read):
        yield data
    await packing


def _pack(write: int, source: str, name: str, *, keep_owners: bool) -> None:
    def owned(member: tarfile.TarInfo) -> tarfile.TarInfo:
        member.uname = member.gname = ""
        if not keep_owners:
            member.uid = member.gid = 0
        return member

    try:
        with open(write, "wb") as file, tarfile.open(fileobj=file, mode="w|", format=tarfile.PAX_FORMAT) as archive:
            archive.add(source, name, filter=owned)
    except BrokenPipeError:
        return  # nobody takes it any more, and says why
    except OSError as problem:
        cause = (problem.strerror or str(problem)).lower()
        raise InvalidArgument(f"cannot read {problem.filename or source!r}: {cause}", errno=problem.errno) from problem
