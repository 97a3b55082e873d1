"""The mount options `idmap` and `ridmap`, bare (config.md, "Linux mount options") or with ranges, as crun has it:
`idmap=uids=0-1000-10#10-2000-1;gids=@0-0-5`. A range reads: first id on the file system, first id outside, how many.
"""

from __future__ import annotations

from containerd_py.light.dataclasses import dataclass

_RANGE = r"(@?)(\d{1,10})-(\d{1,10})-(\d{1,10})"
_LARGEST = 2**32 - 1  # (uid_t)-1 means "no id" to the kernel
_KINDS = ("uids", "gids")


@dataclass(frozen=True)
class IdmapRange:
    """relative: `host_id` is an id of the container, to be looked up in its user namespace's map (crun's `@`)."""

    container_id: int
    host_id: int
    size: int
    relative: bool = False


@dataclass(frozen=True)
class IdmapOption:
    """recursive: mounts below are mapped too. Without ranges the mount's own mappings count, or the container's."""

    recursive: bool
    uids: tuple[IdmapRange, ...] = ()
    gids: tuple[IdmapRange, ...] = ()


def read_idmap(option: str) -> IdmapOption | None:
    """Return what `option` asks for; None where it is another option. Raises ValueError with the reason."""
    name, separator, value = option.partition("=")
    if name not in ("idmap", "ridmap"):
        return None
    parts = dict.fromkeys(_KINDS, ()) if not separator else _parts(value)
    return IdmapOption(name == "ridmap", parts["uids"], parts["gids"])


def _parts(value: str) -> dict[str, tuple[IdmapRange, ...]]:
    parts: dict[str, tuple[IdmapRange, ...]] = {}
    for part in value.split(";"):
        kind, _, ranges = part.partition("=")
        if kind not in _KINDS or kind in parts:
            raise ValueError("has the form idmap=uids=0-1000-10#10-2000-1;gids=0-1000-10")
        parts[kind] = tuple(map(_range, ranges.split("#")))
    if len(parts) < len(_KINDS):
        raise ValueError("must map both uids and gids")
    return parts


def _range(text: str) -> IdmapRange:
    import re  # here: few documents have any

    found = re.fullmatch(_RANGE, text, re.ASCII)
    if not found:
        raise ValueError(f"{text!r} is no range: first id on the file system, first id outside, how many")
    inside, outside, size = (int(number) for number in found.groups()[1:])
    if not size or max(inside, outside) + size > _LARGEST:
        raise ValueError(f"{text!r} is empty or goes beyond the largest id")
    return IdmapRange(inside, outside, size, bool(found[1]))
