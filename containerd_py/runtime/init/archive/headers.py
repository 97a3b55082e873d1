"""Reading the headers of an archive that comes as a stream: bounded, each error a StepFailed with what is wrong."""

from __future__ import annotations

import errno
import io
import os
import tarfile

from containerd_py.runtime.init.steps import StepFailed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

LARGEST_HEADER = 1 << 20
"""Of a long name, or of pax records, in bytes."""

_CHUNK = 65_536
_PACKED = {b"\x1f\x8b": "gzip", b"BZh": "bzip2", b"\xfd7zXZ": "xz", b"\x28\xb5\x2f\xfd": "zstd"}


class Intake(io.RawIOBase):
    """What comes from a pipe, once and in order. The position counts from the start of the archive."""

    def __init__(self, fd: int) -> None:
        super().__init__()
        self._fd = fd
        self._position = 0
        self._ahead = b""

    def tell(self) -> int:
        return self._position

    def block(self) -> bytes:
        """Return the next block, which stays to be read; less, or nothing, where the stream ends."""
        if not self._ahead:
            self._ahead = self._take(tarfile.BLOCKSIZE)
            if self._position == 0:
                _check_plain(self._ahead)
        return self._ahead

    def read(self, size: int = -1) -> bytes:
        """Return `size` bytes of a header; fewer where the stream ends before. Raises StepFailed for too many."""
        if not 0 <= size <= LARGEST_HEADER:
            raise StepFailed(errno.EINVAL, f"a header is larger than {LARGEST_HEADER} bytes")
        ahead, self._ahead = self._ahead[:size], self._ahead[size:]
        data = ahead + self._take(size - len(ahead))
        self._position += len(data)
        return data

    def _take(self, size: int) -> bytes:
        parts = []
        while size and (part := os.read(self._fd, min(size, _CHUNK))):
            parts.append(part)
            size -= len(part)
        return b"".join(parts)

    def pieces(self, size: int) -> Iterator[bytes]:
        """Yield the next `size` bytes. Raises StepFailed where the stream ends before."""
        while size:
            part = os.read(self._fd, min(size, _CHUNK))
            if not part:
                raise _cut_off()
            size -= len(part)
            self._position += len(part)
            yield part

    def drain(self) -> None:
        """Take what may follow the end of the archive, so that its sender can finish."""
        while os.read(self._fd, _CHUNK):
            continue


class _Headers(tarfile.TarFile):
    def next(self) -> tarfile.TarInfo | None:
        """Nothing is read before it is asked for, by `members`, which tells every error apart and keeps no list."""
        return None


def members(intake: Intake) -> Iterator[tarfile.TarInfo]:
    """Yield the members up to the end mark; the data that the one who asks has left is passed over."""
    archive = _Headers(fileobj=intake, mode="r", encoding="utf-8", errors="surrogateescape")
    while (member := _next(archive, intake)) is not None:
        end = archive.offset
        yield member
        for _ in intake.pieces(end - intake.tell()):
            continue


def _next(archive: tarfile.TarFile, intake: Intake) -> tarfile.TarInfo | None:
    start, block = intake.tell(), intake.block()
    if len(block) < tarfile.BLOCKSIZE:
        raise _cut_off()
    if not any(block):
        return None
    try:
        member = tarfile.TarInfo.fromtarfile(archive)
    except (OSError, StepFailed):
        raise
    except MemoryError as problem:
        raise StepFailed(errno.ENOMEM, "the headers of the archive need more memory than they may") from problem
    except Exception as problem:  # whatever tarfile makes of bytes that are none of its
        raise StepFailed(
            errno.EINVAL, f"it is no tar archive, or a broken one, at byte {start}: {_cause(problem)}"
        ) from problem
    if member.size < 0 or archive.offset < intake.tell():
        raise StepFailed(errno.EINVAL, f"it is a broken tar archive: the size at byte {start} is negative")
    return member


def _cause(problem: Exception) -> str:
    if isinstance(problem, RecursionError):
        return "headers of headers"
    return str(problem)[:200] or type(problem).__name__


def _cut_off() -> StepFailed:
    return StepFailed(errno.EINVAL, "the archive ends before its end mark: was it cut off?")


def _check_plain(first: bytes) -> None:
    """Raise StepFailed for the first bytes of what is compressed: nothing is unpacked that would need a library for it."""
    for start, name in _PACKED.items():
        if first.startswith(start):
            raise StepFailed(errno.EINVAL, f"the archive is compressed by {name}: send it as plain tar")
