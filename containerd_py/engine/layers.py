"""Which directories an overlay is made of, as the kernel tells (overlayfs.rst, proc_pid_mountinfo(5))."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from containerd_py.light.dataclasses import dataclass
from containerd_py.runtime.linux.proc_text import lines

if TYPE_CHECKING:
    from collections.abc import Iterator

_OCTAL = re.compile(r"\\([0-7]{3})", re.ASCII)
_COLON = re.compile(r"(?<!\\):")
_ESCAPED = re.compile(r"\\(.)")


@dataclass(frozen=True)
class Overlay:
    """upper: the directory with what was changed, None where nothing can be; lowers: those below it, the uppermost first.

    namespace: of the extended attributes by which it marks, "trusted" or "user".
    """

    upper: str | None
    lowers: tuple[str, ...]
    namespace: str


def overlay_on(mountinfo: str, place: str) -> Overlay | None:
    """Return the overlay that is mounted on `place`, an absolute path; None where it is none, or the root of none."""
    found = None
    for line in lines(mountinfo):
        before, _separator, after = line.partition(" - ")
        _id, _parent, _device, root, mounted_on, *_options = before.split(" ")
        if _plain(mounted_on) == place:  # what was mounted last hides the others
            kind, _source, options = after.split(" ", 2)
            found = _overlay(options) if kind == "overlay" and root == "/" else None
    return found


def _overlay(options: str) -> Overlay:
    upper, lowers, namespace = None, [], "trusted"
    for option in options.split(","):
        name, _equals, value = option.partition("=")
        match name:
            case "upperdir":
                upper = _path(_plain(value))
            case "lowerdir":
                lowers += list(_lowers(_plain(value)))
            case "lowerdir+":
                lowers.append(_plain(value))
            case "userxattr":
                namespace = "user"
    return Overlay(upper, tuple(lowers), namespace)


def _lowers(value: str) -> Iterator[str]:
    """What follows "::" holds data of files only, and no names."""
    for path in _COLON.split(value):
        if not path:
            return
        yield _path(path)


def _path(text: str) -> str:
    """Colons and backslashes in a path are given to mount(2) with a backslash before them."""
    return _ESCAPED.sub(r"\1", text)


def _plain(text: str) -> str:
    return _OCTAL.sub(lambda match: chr(int(match[1], 8)), text)
