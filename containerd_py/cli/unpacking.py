"""An archive from a container becomes files of this host. The container is not trusted: no member gets anywhere else.

Each directory on a member's way is opened from the one before, and no symlink is followed.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import shutil
import stat
import tarfile
from typing import TYPE_CHECKING, BinaryIO

from containerd_py.cli.streams import write_all
from containerd_py.errors import ContainerdError, InvalidArgument

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from containerd_py.cli.places import Landing

_ENTER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


async def receive_unpacked(archive: AsyncIterator[bytes], landing: Landing, *, keep_owners: bool) -> list[str]:
    """Unpack as it comes; return what was left out: devices. Raises InvalidArgument for what cannot be written."""
    read, write = os.pipe2(os.O_CLOEXEC)
    unpacking = asyncio.ensure_future(asyncio.to_thread(_unpack, read, Unpacker(landing, keep_owners=keep_owners)))
    try:
        with contextlib.suppress(BrokenPipeError):  # the thread tells why
            async for data in archive:
                await write_all(write, data)
    except BaseException:
        os.close(write)
        with contextlib.suppress(ContainerdError):
            await unpacking
        raise
    os.close(write)
    return await unpacking


def _unpack(read: int, unpacker: Unpacker) -> list[str]:
    with open(read, "rb") as file:
        return unpacker.unpack(file)


class Unpacker:
    """landing: its name stands for the first component of every member; without a name members keep what follows it."""

    def __init__(self, landing: Landing, *, keep_owners: bool) -> None:
        self._landing = landing
        self._keep_owners = keep_owners
        self._directories: list[tuple[list[str], tarfile.TarInfo]] = []

    def unpack(self, source: BinaryIO) -> list[str]:
        left_out = []
        with tarfile.open(fileobj=source, mode="r|", errorlevel=2) as archive:
            for member in archive:
                archive.members = []  # type: ignore[attr-defined]  # typeshed leaves it out; it would grow without end
                parts = self._parts(member.name)
                if not parts:
                    continue
                if member.isdev() and not member.isfifo():
                    left_out.append("/".join(parts))
                    continue
                self._add_or_tell(archive, member, parts)
        for parts, member in reversed(self._directories):
            self._finish_directory(parts, member)
        return left_out

    def _parts(self, name: str) -> list[str]:
        """The first component is what was asked for, "." too."""
        parts = [part for part in name.split("/")[1:] if part not in ("", ".")]
        if ".." in parts:
            raise InvalidArgument(f"cannot unpack {name!r}: it has '..' in it", step="copy")
        return [self._landing.name, *parts] if self._landing.name else parts

    def _add_or_tell(self, archive: tarfile.TarFile, member: tarfile.TarInfo, parts: list[str]) -> None:
        try:
            self._add(archive, member, parts)
        except OSError as problem:
            path = os.path.join(self._landing.directory, *parts)
            cause = (problem.strerror or str(problem)).lower()
            raise InvalidArgument(f"cannot write {path!r}: {cause}", step="copy", errno=problem.errno) from problem

    def _add(self, archive: tarfile.TarFile, member: tarfile.TarInfo, parts: list[str]) -> None:
        with self._entered(parts[:-1]) as parent:
            if member.isdir():
                with contextlib.suppress(FileExistsError):
                    os.mkdir(parts[-1], 0o700, dir_fd=parent)
                os.close(os.open(parts[-1], _ENTER, dir_fd=parent))
                self._directories.append((parts, member))
                return
            temporary = f".pyctr-{secrets.token_hex(8)}"
            try:
                self._make(archive, member, temporary, parent)
                os.rename(temporary, parts[-1], src_dir_fd=parent, dst_dir_fd=parent)
            finally:
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(temporary, dir_fd=parent)

    def _make(self, archive: tarfile.TarFile, member: tarfile.TarInfo, name: str, parent: int) -> None:
        if member.issym():
            os.symlink(member.linkname, name, dir_fd=parent)
        elif member.islnk():
            *parents, last = self._parts(member.linkname)
            with self._entered(parents) as source:
                os.link(last, name, src_dir_fd=source, dst_dir_fd=parent, follow_symlinks=False)
            return
        elif member.isfifo():
            os.mkfifo(name, 0o600, dir_fd=parent)
        else:
            with open(os.open(name, _CREATE, 0o600, dir_fd=parent), "wb") as made:
                data = archive.extractfile(member)
                if data is not None:
                    shutil.copyfileobj(data, made)
                made.flush()  # a later write would change its time
                self._finish(made.fileno(), member)
            return
        if self._keep_owners:
            os.chown(name, member.uid, member.gid, dir_fd=parent, follow_symlinks=False)

    def _finish(self, fd: int, member: tarfile.TarInfo) -> None:
        """Set-id bits go with their owner only: else they would be this user's."""
        mode = stat.S_IMODE(member.mode)
        if self._keep_owners:
            os.fchown(fd, member.uid, member.gid)
        os.fchmod(fd, mode if self._keep_owners else mode & 0o1777)
        with contextlib.suppress(OverflowError):
            os.utime(fd, (member.mtime, member.mtime))

    def _finish_directory(self, parts: list[str], member: tarfile.TarInfo) -> None:
        with contextlib.suppress(FileNotFoundError, NotADirectoryError), self._entered(parts) as directory:
            self._finish(directory, member)

    @contextlib.contextmanager
    def _entered(self, parts: list[str]) -> Iterator[int]:
        current = os.open(self._landing.directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            for part in parts:
                below = os.open(part, _ENTER, dir_fd=current)
                os.close(current)
                current = below
            yield current
        finally:
            os.close(current)
