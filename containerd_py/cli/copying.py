"""Copying between this host and a container."""

from __future__ import annotations

import contextlib
import os
import posixpath
import sys
from typing import TYPE_CHECKING

from containerd_py.cli.packing import send_packed
from containerd_py.cli.places import Place, landing
from containerd_py.cli.streams import read_chunks, write_all
from containerd_py.cli.unpacking import receive_unpacked
from containerd_py.errors import InvalidArgument, NotFound

if TYPE_CHECKING:
    from containerd_py.client import Client
    from containerd_py.wire import PathStat

_LINKS = 40


async def copy(client: Client, source: Place, destination: Place, *, keep_owners: bool, follow: bool) -> list[str]:
    """Return what had to be left out: devices. Raises ContainerdError.

    follow: a symlink as the source is what it leads to.
    """
    if source.container is not None and destination.container is None:
        return await _copy_out(client, source.container, source.path, destination, keep_owners=keep_owners, follow=follow)
    if source.container is None and destination.container is not None:
        await _copy_in(client, source, destination.container, destination.path, keep_owners=keep_owners, follow=follow)
        return []
    what = "from a container to a container" if source.container is not None else "without a container"
    raise InvalidArgument(
        f"cannot copy {what}", step="parse", hint="one of the two is CONTAINER:PATH; a path that has a colon begins with ./"
    )


# ── out ──


async def _copy_out(
    client: Client, container: str, path: str, destination: Place, *, keep_owners: bool, follow: bool
) -> list[str]:
    found_at, found = (path, await client.files.stat(container, path))
    if follow:
        found_at, link_found = await _resolved(client, container, path)
        if link_found is None:
            raise NotFound(f"cannot copy {path!r}: the symlink leads to nothing", step="copy")
        found = link_found
    if destination.is_stream:
        await _write_archive(client, container, found_at)
        return []
    there = _here(destination.path)
    place = landing(path, destination.path, source_is_directory=found.type == "directory", there=there)
    async with contextlib.aclosing(client.files.get(container, found_at)) as archive:
        return await receive_unpacked(archive, place, keep_owners=keep_owners)


async def _write_archive(client: Client, container: str, path: str) -> None:
    if os.isatty(sys.stdout.fileno()):
        raise InvalidArgument(
            "cannot write an archive to a terminal", step="copy", hint="send it through a pipe, as to tar t"
        )
    async with contextlib.aclosing(client.files.get(container, path)) as archive:
        async for data in archive:
            await write_all(sys.stdout.fileno(), data)


# ── in ──


async def _copy_in(client: Client, source: Place, container: str, path: str, *, keep_owners: bool, follow: bool) -> None:
    found_at, found = await _resolved(client, container, path)
    there = None if found is None else found.type == "directory"
    if source.is_stream:
        if not there:
            raise InvalidArgument(f"cannot unpack into {path!r}: no such directory", step="copy")
        await client.files.put(container, found_at, read_chunks(0))
        return
    here, is_directory = _source_here(source.path, follow=follow)
    wanted = found_at + ("/" if path.endswith("/") and not found_at.endswith("/") else "")
    place = landing(source.path, wanted, source_is_directory=is_directory, there=there)
    await send_packed(
        here, place.name, lambda archive: client.files.put(container, place.directory, archive), keep_owners=keep_owners
    )


def _here(path: str) -> bool | None:
    """Return what `landing` asks of a destination here."""
    return os.path.isdir(path) if os.path.lexists(path) else None


def _source_here(path: str, *, follow: bool) -> tuple[str, bool]:
    """Return the path to be read, and whether it is a directory. Raises NotFound."""
    here = os.path.realpath(path) if follow else path
    if not os.path.lexists(here):
        raise NotFound(f"cannot copy {path!r}: no such file or directory", step="copy", errno="ENOENT")
    return here, os.path.isdir(here) and (not os.path.islink(here) or here.endswith("/"))


async def _resolved(client: Client, container: str, path: str) -> tuple[str, PathStat | None]:
    """Follow symlinks at the end of a path; what stands there in the end is None where that is nothing."""
    for _ in range(_LINKS):
        try:
            found = await client.files.stat(container, path)
        except NotFound as problem:
            if problem.step == "find":  # the container itself
                raise
            return path, None
        if found.type != "symlink" or found.link_target is None:
            return path, found
        path = posixpath.join(posixpath.dirname(path.rstrip("/")), found.link_target)
    raise InvalidArgument(f"cannot copy to {path!r}: symlinks lead in circles", step="copy", errno="ELOOP")
