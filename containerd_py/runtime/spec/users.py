"""Users and groups of a container, by its own /etc/passwd and /etc/group (SECURITY R8).

Read by the parent, never by the C library: a name service of the image would be its code, run as root of the host.
"""

from __future__ import annotations

import os
import re
import stat

from containerd_py.errors import InvalidArgument
from containerd_py.light.dataclasses import dataclass
from containerd_py.runtime.linux.paths import open_in_root

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_LARGEST_FILE = 10 << 20
_LARGEST_ID = 2**31 - 1


@dataclass(frozen=True)
class ResolvedUser:
    uid: int
    gid: int
    additional_gids: tuple[int, ...]
    home: str


def resolve_user(root: int, text: str) -> ResolvedUser:
    """Resolve "user[:group]", each a number (tried first) or a name, inside the root at descriptor `root`.

    A user without a group gets those of its passwd and group entries. Raises InvalidArgument for a name that the
    container does not have, or a file of its that cannot be read.
    """
    user, colon, group = text.partition(":")
    if not user or (colon and not group):
        raise InvalidArgument(f"cannot resolve user {text!r}: the form is user[:group]", step="user")
    uid = _number(user, text)
    entry = next((e for e in _passwd(root) if (e.name == user if uid is None else e.uid == uid)), None)
    if uid is None:
        if entry is None:
            raise _unknown(user, "/etc/passwd")
        uid = entry.uid
    home = entry.home if entry else ("/root" if uid == 0 else "/")
    if group:
        return ResolvedUser(uid, _group_id(root, group, text), (), home)
    name = entry.name if entry else None
    gids = tuple(dict.fromkeys(g.gid for g in _groups(root) if name is not None and name in g.members))
    return ResolvedUser(uid, entry.gid if entry else 0, gids, home)


def resolve_groups(root: int, texts: Iterable[str]) -> tuple[int, ...]:
    """Resolve groups, each a number (tried first) or a name, inside the root at descriptor `root`. Raises InvalidArgument.

    The file is read once at most, however many names there are: it may take seconds.
    """
    asked = tuple(dict.fromkeys(texts))
    if "" in asked:
        raise InvalidArgument("cannot resolve group '': a number or a name is needed", step="user")
    found = {text: _number(text, text) for text in asked}
    names = {text for text, number in found.items() if number is None}
    for entry in _groups(root) if names else ():
        if entry.name in names:
            names.remove(entry.name)  # the first one counts
            found[entry.name] = entry.gid
    return tuple(_known(gid, text) for text, gid in found.items())


def _known(gid: int | None, name: str) -> int:
    if gid is None:
        raise _unknown(name, "/etc/group")
    return gid


@dataclass(frozen=True)
class _User:
    name: str
    uid: int
    gid: int
    home: str


@dataclass(frozen=True)
class _Group:
    name: str
    gid: int
    members: tuple[str, ...]


def _group_id(root: int, group: str, text: str) -> int:
    number = _number(group, text)
    if number is not None:
        return number
    found = next((entry.gid for entry in _groups(root) if entry.name == group), None)
    if found is None:
        raise _unknown(group, "/etc/group")
    return found


def _number(word: str, text: str) -> int | None:
    """Return the id that a word of digits means, None for a name."""
    if not re.fullmatch(r"[0-9]+", word, re.ASCII):
        return None
    if len(word) > 10 or int(word) > _LARGEST_ID:
        raise InvalidArgument(f"cannot resolve user {text!r}: {word} is above {_LARGEST_ID}", step="user")
    return int(word)


def _passwd(root: int) -> Iterator[_User]:
    for fields in _lines(root, "/etc/passwd", least=6):
        uid, gid = _file_id(fields[2]), _file_id(fields[3])
        if uid is not None and gid is not None:
            yield _User(fields[0], uid, gid, fields[5] or "/")


def _groups(root: int) -> Iterator[_Group]:
    for fields in _lines(root, "/etc/group", least=4):
        gid = _file_id(fields[2])
        if gid is not None:
            yield _Group(fields[0], gid, tuple(filter(None, fields[3].split(","))))


def _file_id(word: str) -> int | None:
    """Return an id as written in a file of the image; None for anything else, which skips its line."""
    return int(word) if re.fullmatch(r"[0-9]{1,10}", word, re.ASCII) and int(word) <= _LARGEST_ID else None


def _lines(root: int, path: str, *, least: int) -> Iterator[list[str]]:
    """Yield the colon-separated fields of each line that has enough of them; nothing for a missing file."""
    for line in _content(root, path).decode("utf-8", "surrogateescape").splitlines():
        fields = line.split(":")
        if len(fields) >= least and fields[0] and not line.startswith("#"):
            yield fields


def _content(root: int, path: str) -> bytes:
    try:
        with open_in_root(root, path, os.O_PATH) as found:
            if not stat.S_ISREG(os.fstat(found.fileno()).st_mode):
                raise InvalidArgument(f"cannot read {path!r} of the container: not a regular file", step="user")
        with open_in_root(root, path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY) as file:
            status = os.fstat(file.fileno())  # checked again: what stood there may have been replaced
            if not stat.S_ISREG(status.st_mode) or status.st_size > _LARGEST_FILE:
                raise InvalidArgument(f"cannot read {path!r} of the container: larger than 10 MiB", step="user")
            return os.read(file.fileno(), status.st_size)
    except (FileNotFoundError, NotADirectoryError):
        return b""
    except OSError as problem:  # such as a loop of symlinks
        raise InvalidArgument(
            f"cannot read {path!r} of the container: {os.strerror(problem.errno or 0)}", step="user", errno=problem.errno
        ) from problem


def _unknown(name: str, path: str) -> InvalidArgument:
    return InvalidArgument(
        f"cannot resolve user {name!r}: no such name in {path} of the container",
        step="user",
        hint="give a number, or a name that the root file system knows",
    )
