"""Files of containers. Archives of them are tar, and no models."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from containerd_py.wire.common import Wire

FileType = Literal["file", "directory", "symlink", "character_device", "block_device", "fifo", "socket"]
ChangeKind = Literal["added", "changed", "deleted"]


class PathStat(Wire):
    """What stands at a path. Bytes of a name that are no UTF-8 are U+FFFD here; in archives they are what they are."""

    name: str
    """The last component of the path, "." where it names none."""
    type: FileType
    mode: Annotated[int, Field(ge=0, le=0o7777)]
    """Permission bits, set-id and sticky bits."""
    size: int
    uid: int
    gid: int
    """Ids as the container sees them."""
    mtime: str | None
    """None beyond the years 1 to 9999."""
    link_target: str | None


class Change(Wire):
    """A file or directory by which a root file system differs from the layers below it."""

    kind: ChangeKind
    path: str
