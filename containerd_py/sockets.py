"""Settings of further sockets of the API, each with rules of its own; the first one has none but its mode."""

from __future__ import annotations

import grp
import os
import pwd
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from containerd_py.errors import InvalidArgument

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

LONGEST_PATH = 107  # sun_path holds 108 bytes with the NUL (unix(7))
_LARGEST_ID = 2**32 - 2

Path = Annotated[str, StringConstraints(pattern=r"^/[^\x00]*$")]
Id = Annotated[int, Field(ge=0, le=_LARGEST_ID)] | Annotated[str, StringConstraints(min_length=1)]
"""A number, or a name of this host."""
Mode = Annotated[str, StringConstraints(pattern=r"^0?6[06][06]$")]
Selector = Annotated[str, StringConstraints(pattern=r"^[^=\x00][^\x00]*$")]


class SocketConfig(BaseModel):
    """labels: "K" or "K=V", all of which a container must carry to be there at all.

    host_paths: where root file systems and binds may come from that are made at a socket with labels.
    users, groups: who may ask; without any, whom the mode lets in.
    """

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    path: Path
    access: Literal["full", "read-only"] = "full"
    labels: Annotated[tuple[Selector, ...], Field(strict=False)] = ()
    host_paths: Annotated[tuple[Path, ...], Field(strict=False)] = ()
    mode: Mode | None = None
    group: str | None = None
    users: Annotated[tuple[Id, ...], Field(strict=False)] = ()
    groups: Annotated[tuple[Id, ...], Field(strict=False)] = ()

    @model_validator(mode="after")
    def _agrees(self) -> SocketConfig:
        if len(os.fsencode(self.path)) > LONGEST_PATH:
            raise ValueError(f"path: {LONGEST_PATH} bytes at most")
        if self.host_paths and (not self.labels or self.access != "full"):
            raise ValueError("host_paths: they are for full access to containers with some labels only")
        if self.octal_mode & 0o066 == 0o060 and self.group is None:
            raise ValueError("group: it is missing, and the mode lets one in")
        if self.group is not None and not self.octal_mode & 0o060:
            raise ValueError("mode: it lets no group in, and there is one")
        if self.octal_mode & 0o006 and not (self.users or self.groups):
            raise ValueError("users: they, or groups, are missing, and the mode lets everybody in")
        return self

    @property
    def octal_mode(self) -> int:
        if self.mode is not None:
            return int(self.mode, 8)
        return 0o600 if self.group is None else 0o660

    def user_ids(self) -> frozenset[int]:
        """Raises InvalidArgument for a name that this host does not have."""
        return _ids("users", self.users, lambda name: pwd.getpwnam(name).pw_uid)

    def group_ids(self) -> frozenset[int]:
        """Raises InvalidArgument for a name that this host does not have."""
        return _ids("groups", self.groups, lambda name: grp.getgrnam(name).gr_gid)


def check(sockets: Iterable[SocketConfig], *, first: str, private: str) -> None:
    """Raises InvalidArgument for sockets that do not go together. first: the path of the first; private: root's alone."""
    taken = {os.path.normpath(first)}
    for index, one in enumerate(sockets):
        path = os.path.normpath(one.path)
        if path in taken:
            raise _wrong(f"sockets.{index}.path: there are two sockets at {one.path!r}")
        taken.add(path)
        if one.octal_mode & 0o066 and path.startswith(os.path.normpath(private) + "/"):
            raise _wrong(
                f"sockets.{index}.path: others could not reach {one.path!r}, since {private!r} is root's alone",
                hint="name one in another directory",
            )
        try:
            one.user_ids()
            one.group_ids()
        except InvalidArgument as problem:
            raise _wrong(f"sockets.{index}.{problem.message}") from problem


def _ids(setting: str, given: tuple[int | str, ...], look_up: Callable[[str], int]) -> frozenset[int]:
    found = set()
    for index, one in enumerate(given):
        try:
            found.add(one if isinstance(one, int) else look_up(one))
        except KeyError:
            raise InvalidArgument(f"{setting}.{index}: this host has no {setting[:-1]} {one!r}") from None
    return frozenset(found)


def _wrong(cause: str, hint: str | None = None) -> InvalidArgument:
    return InvalidArgument(f"cannot use settings: {cause}", step="config", hint=hint)
