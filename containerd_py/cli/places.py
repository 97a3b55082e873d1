"""What `cp` is given: a place here, one in a container, or a stream; and what docker's rules make of two of them.

    source                destination                     what is made
    a file                nothing, with no slash behind   that file
    a file                a file                          that file, anew
    a file                a directory                     the file in it, by its own name
    a directory           nothing                         that directory, with what is in the source
    a directory           a directory                     the directory in it, by its own name
    a directory, "/."     a directory                     what is in the source, in it

Everything else is refused.
"""

from __future__ import annotations

import os
import posixpath
from dataclasses import dataclass

from containerd_py.errors import InvalidArgument, NotFound


@dataclass(frozen=True, slots=True)
class Place:
    """container: None for a place here. path: in a container absolute; "-" here for standard input or output."""

    container: str | None
    path: str

    @property
    def is_stream(self) -> bool:
        return self.container is None and self.path == "-"

    def __str__(self) -> str:
        return self.path if self.container is None else f"{self.container}:{self.path}"


@dataclass(frozen=True, slots=True)
class Landing:
    """Where something is put: the directory, and the name that it gets there; "" for what is in it, without a name."""

    directory: str
    name: str


def parse_place(text: str) -> Place:
    """Read CONTAINER:PATH, or a path. What begins with "/" or "." is a path, whatever colons it has."""
    container, colon, path = text.partition(":")
    if not text:
        raise InvalidArgument("cannot copy: a path is empty", step="parse")
    if not colon or text.startswith(("/", ".")):
        return Place(None, text)
    if not container or not path:
        raise InvalidArgument(f"cannot copy {text!r}: it is neither CONTAINER:PATH nor a path", step="parse")
    return Place(container, path if path.startswith("/") else f"/{path}")


def landing(source: str, destination: str, *, source_is_directory: bool, there: bool | None) -> Landing:
    """Return where the source goes. Raises InvalidArgument, NotFound.

    there: what stands at the destination: True for a directory, False for anything else, None for nothing.
    """
    content = source_is_directory and source.endswith("/.")
    if there:
        return Landing(destination, "" if content else _name(source))
    if there is False:
        if source_is_directory:
            raise InvalidArgument(f"cannot copy {source!r}: it is a directory, and {destination!r} is none", step="copy")
        if destination.endswith("/"):
            raise InvalidArgument(f"cannot copy to {destination!r}: it is no directory", step="copy")
    if there is None and not source_is_directory and destination.endswith("/"):
        raise NotFound(f"cannot copy to {destination!r}: no such directory", step="copy")
    directory, name = posixpath.split(destination.rstrip("/"))
    return Landing(directory or ("/" if destination.startswith("/") else "."), name)


def _name(path: str) -> str:
    """Return the last component; of "." and ".." here that of what they are."""
    name = posixpath.basename(path.rstrip("/"))
    return posixpath.basename(os.path.realpath(path)) if name in (".", "..") else name
