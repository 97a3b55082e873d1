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

FIRST_NAMES = ("pycontainerd.socket", "unknown")
"""By which systemd passes the first socket: that of its unit, and what it says where nobody has given a name."""

LONGEST_PATH = 107  # sun_path holds 108 bytes with the NUL (unix(7))
_LARGEST_ID = 2**32 - 2

Path = Annotated[str, StringConstraints(pattern=r"^/[^\x00-\x1f]*$")]
Name = Annotated[str, StringConstraints(pattern=r"^[^\x00-\x20:\x7f-\U0010ffff]{1,255}$")]
"""As FileDescriptorName= takes it (systemd.socket(5))."""
Id = Annotated[int, Field(ge=0, le=_LARGEST_ID)] | Annotated[str, StringConstraints(pattern=r"^[^\x00]+$")]
"""A number, or a name of this host."""
Mode = Annotated[str, StringConstraints(pattern=r"^0?6[06][06]$")]
Selector = Annotated[str, StringConstraints(pattern=r"^[^=\x00][^\x00]*$")]


class SocketConfig(BaseModel):
    """name: by which systemd passes it (FileDescriptorName= of its unit); else it is made here.

    labels: "K" or "K=V", all of which a container must carry to be there at all.
    host_paths: where root file systems and binds may come from that are made at a socket with labels.
    users, groups: who may ask; without any, whom the mode lets in.
    """

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    path: Path
    name: Name | None = None
    access: Literal["full", "read-only"] = "full"
    labels: Annotated[tuple[Selector, ...], Field(strict=False)] = ()
    host_paths: Annotated[tuple[Path, ...], Field(strict=False)] = ()
    mode: Mode | None = None
    group: Annotated[str, StringConstraints(pattern=r"^[^\x00]+$")] | None = None
    users: Annotated[tuple[Id, ...], Field(strict=False)] = ()
    groups: Annotated[tuple[Id, ...], Field(strict=False)] = ()

    @model_validator(mode="after")
    def _agrees(self) -> SocketConfig:
        if len(os.fsencode(self.path)) > LONGEST_PATH:
            raise ValueError(f"path: {LONGEST_PATH} bytes at most")
        if self.path.endswith("/"):
            raise ValueError("path: it names no file")
        if self.name in FIRST_NAMES:
            raise ValueError(f"name: {self.name!r} is that of the first socket")
        valued = {selector for selector in self.labels if "=" in selector}
        if len({selector.partition("=")[0] for selector in valued}) < len(valued):
            raise ValueError("labels: no container can carry two values of one key")
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
    names: set[str | None] = set()
    for index, one in enumerate(sockets):
        if one.name is not None and one.name in names:
            raise _wrong(f"sockets.{index}.name: there are two sockets of the name {one.name!r}")
        names.add(one.name)
        path = os.path.normpath(one.path)
        if path in taken:
            raise _wrong(f"sockets.{index}.path: there are two sockets at {one.path!r}")
        taken.add(path)
        if one.octal_mode & 0o066 and path.startswith(os.path.normpath(private) + "/"):
            raise _wrong(
                f"sockets.{index}.path: others could not reach {one.path!r}, since {private!r} is root's alone",
                hint="name one in another directory",
            )
        if one.group is not None:
            check_group(f"sockets.{index}.group", one.group)
        try:
            one.user_ids()
            one.group_ids()
        except InvalidArgument as problem:
            raise _wrong(f"sockets.{index}.{problem.message}") from problem


def check_group(setting: str, group: str) -> None:
    """Raises InvalidArgument for one that this host does not have."""
    try:
        grp.getgrnam(group)
    except (KeyError, ValueError):  # ValueError: a NUL
        raise _wrong(f"{setting}: this host has no group {group!r}") from None


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
