"""The directories of a checkpoint, and the file that is kept there beside CRIU's: what the streams were.

`descriptors.json` is runc's, by its name and form, so that either restores what the other wrote.
"""

from __future__ import annotations

import contextlib
import json
import os

from containerd_py.errors import InvalidArgument
from containerd_py.runtime.linux.fd import Fd

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

_DESCRIPTORS = "descriptors.json"
_LARGEST = 1 << 16
_TOLD = 3  # lines of CRIU's log that an error shows
_TAIL = 1 << 20  # bytes of its log that are looked at
_HARMLESS = ("rlimit: ", "tun: ")  # what a root without all capabilities cannot have; CRIU goes on
_STREAMS = 3


@contextlib.contextmanager
def opened(image_path: str, work_path: str | None, log_file: str, *, make: bool) -> Iterator[tuple[Fd, Fd, str]]:
    """Yield the images' directory and that of the logs, opened, with the path of the latter.

    make: the images' directory may be missing; that of the logs always may. Raises InvalidArgument.
    """
    with _open(image_path, "images", make=make) as images:
        if work_path is None:
            _remove_old(log_file, images)
            yield images, images, image_path
            return
        with _open(work_path, "logs", make=True) as work:
            _remove_old(log_file, work)
            yield images, work, work_path


def _remove_old(log_file: str, work: Fd) -> None:
    """Errors quote the log, and CRIU may write none there: a file of its configuration may name another place."""
    with contextlib.suppress(OSError):
        os.unlink(log_file, dir_fd=work.fileno())


def _open(path: str, what: str, *, make: bool) -> Fd:
    try:
        if make:
            os.makedirs(path, mode=0o700, exist_ok=True)
        return Fd(os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC))
    except OSError as problem:
        raise InvalidArgument(
            f"cannot use {path!r} for the {what} of the checkpoint: {problem.strerror}", step="images", errno=problem.errno
        ) from problem


def check_parent(image_path: str, parent_path: str) -> None:
    """Raise InvalidArgument unless the parent is a directory, by a path from the images' own."""
    place = os.path.normpath(os.path.join(image_path, parent_path))
    cause = "it must be relative to --image-path" if os.path.isabs(parent_path) else None
    if cause is None and not os.path.isdir(place):
        cause = f"{place!r} is no directory"
    if cause:
        raise InvalidArgument(f"cannot use --parent-path {parent_path!r}: {cause}", step="images")


def write_streams(images: Fd, streams: list[str]) -> None:
    """Keep what the container's streams are, each by the name that CRIU has for it."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW
    with Fd(os.open(_DESCRIPTORS, flags, 0o600, dir_fd=images.fileno())) as file:
        os.write(file.fileno(), json.dumps(streams).encode())


def read_streams(images: Fd, image_path: str) -> tuple[str, ...]:
    """Return what `write_streams` kept, or runc; at most those of three streams. Raises InvalidArgument."""
    try:
        with Fd(os.open(_DESCRIPTORS, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK, dir_fd=images.fileno())) as file:
            found = json.loads(os.read(file.fileno(), _LARGEST))
    except FileNotFoundError as problem:
        raise _no_checkpoint(image_path, f"it has no {_DESCRIPTORS}") from problem
    except (OSError, ValueError, RecursionError) as problem:
        raise _no_checkpoint(image_path, f"cannot read {_DESCRIPTORS}: {problem}") from problem
    if not isinstance(found, list) or not all(isinstance(one, str) for one in found):
        raise _no_checkpoint(image_path, f"{_DESCRIPTORS} is no list of texts")
    return tuple(found[:_STREAMS])


def _no_checkpoint(image_path: str, cause: str) -> InvalidArgument:
    return InvalidArgument(
        f"cannot restore from {image_path!r}: {cause}",
        step="images",
        hint="give the --image-path that `checkpoint` was given; a pre-dump alone cannot be restored",
    )


def errors_in(work: Fd, log_file: str) -> str:
    """Return the first of CRIU's own words about what failed; "" where its log has none."""
    told: list[str] = []
    with contextlib.suppress(OSError), Fd(_open_log(log_file, work)) as log:
        size = os.fstat(log.fileno()).st_size
        for line in os.pread(log.fileno(), _TAIL, max(0, size - _TAIL)).decode(errors="replace").splitlines():
            _time, found, rest = line.partition("Error (")
            text = rest.partition("): ")[2].strip()
            if found and text and text not in told and not text.startswith(_HARMLESS):
                told.append(text)
    return "; ".join(told[:_TOLD])


def _open_log(name: str, work: Fd) -> int:
    """Whoever made the images may have made a FIFO of it, which nobody writes to."""
    return os.open(name, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOFOLLOW, dir_fd=work.fileno())
