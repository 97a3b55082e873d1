"""Compiled filters, kept until the next boot for who starts later: most containers of a host share one profile (ADR 26).

    /run/pycontainerd-filters/      root's, 0700; another user's is below XDG_RUNTIME_DIR
    └── CRC-32 of the key           facts of the filter as a line of JSON, the key, the program

What a filter is compiled from is its key, and stands beside it in full: what has another key is not it. Files of the
library that compiled are compared too. Whoever cannot keep filters, or finds none, compiles.
"""

from __future__ import annotations

import json
import os
import stat
from binascii import crc32
from contextlib import suppress

from containerd_py.light_dataclasses import dataclass
from containerd_py.runtime.linux.fd import Fd

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_NAME = "pycontainerd-filters"
_MOST_FILTERS = 64
_MOST_BYTES = 1 << 20
_WRITABLE = stat.S_IWGRP | stat.S_IWOTH


@dataclass(frozen=True)
class SeccompFilter:
    """program: an array of struct sock_filter; flags: SECCOMP_FILTER_FLAG_* for seccomp(2).

    silences: it may refuse sendto, by which a worker tells its parent how it goes.
    """

    program: bytes
    flags: int
    silences: bool = False


def find(key: bytes) -> SeccompFilter | None:
    """Return the filter that was compiled from the same; None where there is none that can be trusted."""
    try:
        with _directory() as directory, Fd(os.open(_name(key), os.O_RDONLY | _SAFELY, dir_fd=directory.fileno())) as file:
            if not _is_own(os.fstat(file.fileno()), stat.S_IFREG):
                return None
            head, _, rest = os.read(file.fileno(), _MOST_BYTES).partition(b"\n")
        facts = json.loads(head)
        if facts["library"] == _identity(facts["library"][0]) and rest.startswith(key):
            program = rest[len(key) :]
            if len(program) == facts["bytes"]:
                return SeccompFilter(program, facts["flags"], facts["silences"])
    except (OSError, ValueError, LookupError, TypeError):
        return None
    return None


def keep(key: bytes, made: SeccompFilter, library: str) -> None:
    """Keep a filter, if it can be done. library: the path of the file that compiled it."""
    with suppress(OSError):
        facts = {"library": _identity(library), "flags": made.flags, "silences": made.silences, "bytes": len(made.program)}
        content = b"%b\n%b%b" % (json.dumps(facts).encode(), key, made.program)
        if len(content) > _MOST_BYTES:
            return
        path = _path()
        with suppress(FileExistsError):
            os.mkdir(path, 0o700)
        with _directory() as directory:
            _make_room(directory.fileno())
            _write(directory.fileno(), _name(key), content)


def _write(directory: int, name: str, content: bytes) -> None:
    """Whole or not at all: others read and write it at the same time."""
    own = f"{name}.{os.getpid()}"
    with Fd(os.open(own, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | _SAFELY, 0o600, dir_fd=directory)) as file:
        written = os.write(file.fileno(), content)
    if written == len(content):
        os.rename(own, name, src_dir_fd=directory, dst_dir_fd=directory)
    else:
        os.unlink(own, dir_fd=directory)


def _make_room(directory: int) -> None:
    """Let go of those that were compiled first."""
    names = os.listdir(directory)
    if len(names) >= _MOST_FILTERS:
        ages = sorted((os.lstat(name, dir_fd=directory).st_mtime_ns, name) for name in names)
        for _, name in ages[: len(names) - _MOST_FILTERS + 1]:
            os.unlink(name, dir_fd=directory)


_SAFELY = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


def _directory() -> Fd:
    """Open the directory. Raises OSError where there is none, and PermissionError for one that others can change."""
    directory = Fd(os.open(_path(), os.O_RDONLY | os.O_DIRECTORY | _SAFELY))
    if _is_own(os.fstat(directory.fileno()), stat.S_IFDIR):
        return directory
    directory.close()
    raise PermissionError


def _is_own(found: os.stat_result, kind: int) -> bool:
    return stat.S_IFMT(found.st_mode) == kind and found.st_uid == os.geteuid() and not found.st_mode & _WRITABLE


def _path() -> str:
    """Raises FileNotFoundError where this user has no runtime directory."""
    if os.geteuid() == 0 and os.access("/run", os.W_OK):
        return f"/run/{_NAME}"
    own = os.environ.get("XDG_RUNTIME_DIR", "")
    if not own.startswith("/"):
        raise FileNotFoundError
    return f"{own}/{_NAME}"


def _name(key: bytes) -> str:
    return f"{crc32(key):08x}"


def _identity(path: str) -> list[Any]:
    """What tells a file from the one that replaces it. Raises OSError."""
    found = os.stat(path)
    return [path, found.st_mtime_ns, found.st_size, found.st_ino]
