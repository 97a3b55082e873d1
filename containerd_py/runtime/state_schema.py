"""Which values a `state.json` can have: one of another type is found where it is read, not where it would be used.

Where it is not what was written, the cgroup is looked for elsewhere (`runtime.salvage`), so a path of no cgroup counts too.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

STATUSES = ("creating", "created", "running", "paused", "stopped")


def _text(value: object) -> bool:
    return type(value) is str


def _texts(value: object) -> bool:
    return type(value) is dict and all(map(_text, value)) and all(map(_text, value.values()))


def _below(limit: int) -> Callable[[object], bool]:
    return lambda value: type(value) is int and 0 <= value < limit


def _path(value: object) -> bool:
    return type(value) is str and value.startswith("/") and ".." not in value.split("/")


def _paths(value: object) -> bool:
    return type(value) is list and all(map(_path, value))


_KINDS: dict[str, Callable[[Any], bool]] = {
    **dict.fromkeys(("id", "bundle", "rootfs", "created", "identity", "bootId"), _text),
    "pid": _below(2**31),
    "owner": _below(2**32),
    "status": lambda value: value in STATUSES,
    "annotations": _texts,
    "cgroupV2": lambda value: value is None or _path(value),
    **dict.fromkeys(("cgroupsV1", "cgroupParents"), _paths),
}
_KINDS_IF_THERE: dict[str, Callable[[Any], bool]] = {
    "scope": _text,
    "intel_rdt_path": _text,
    "rootless": lambda value: type(value) is bool,
    **dict.fromkeys(("init_process_pid", "init_process_start"), lambda value: type(value) is int),
    "cgroup_paths": _texts,
    "namespace_paths": _texts,
    "external_descriptors": lambda value: type(value) is list,
    **dict.fromkeys(("config", "timing"), lambda value: type(value) is dict),
}


def check(document: dict[str, Any]) -> None:
    """Raises ValueError that names what has a value of the wrong kind, KeyError for what is not there."""
    wrong = [name for name, fits in _KINDS.items() if not fits(document[name])]
    wrong += [name for name, fits in _KINDS_IF_THERE.items() if name in document and not fits(document[name])]
    if wrong:
        raise ValueError(f"wrong value of {', '.join(wrong)}")
