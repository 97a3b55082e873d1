"""`-v SRC:DST[:ro]`, `--tmpfs DST[:OPTIONS]` and `--mount type=…,source=…,target=…` → mounts."""

from __future__ import annotations

import os

from containerd_py.errors import InvalidArgument
from containerd_py.wire import MountSpec

_ALIASES = {"src": "source", "dst": "target", "destination": "target", "ro": "readonly"}
_KEYS = ("type", "source", "target", "readonly", "tmpfs-size", "tmpfs-mode", "bind-propagation")
_TRUTH = {"": True, "true": True, "1": True, "false": False, "0": False}


def parse_volume(text: str) -> MountSpec:
    """Return the bind mount of "SRC:DST" or "SRC:DST:OPTION,…"; SRC may be relative to the working directory."""
    source, _, rest = text.partition(":")
    target, _, options = rest.partition(":")
    if not source or not target:
        raise _wrong(f"--volume {text!r}: it must be SRC:DST or SRC:DST:ro")
    return _bind(source, target, tuple(one for one in options.split(",") if one), where=f"--volume {text!r}")


def parse_tmpfs(text: str) -> MountSpec:
    """Return the tmpfs of "DST" or "DST:OPTION,…"."""
    target, _, options = text.partition(":")
    where = f"--tmpfs {text!r}"
    return MountSpec(type="tmpfs", target=_absolute(target, where), options=tuple(one for one in options.split(",") if one))


def parse_mount(text: str) -> MountSpec:
    """Return the mount of "key=value,…"; keys as Docker's: type, source, target, readonly, tmpfs-size, tmpfs-mode …

    What else a tmpfs is given, with or without a value, is an option of the mount: "size=1m", "nosuid".
    """
    where = f"--mount {text!r}"
    given, others = _fields(text, where)
    if "target" not in given:
        raise _wrong(f"{where}: target is missing")
    kind = given.get("type", "bind")
    if kind == "bind":
        if others:
            raise _wrong(f"{where}: no such key: {others[0].partition('=')[0]!r}")
        if not given.get("source"):
            raise _wrong(f"{where}: source is missing")
        return _bind(given["source"], given["target"], _options(given, where, "bind-propagation"), where)
    if kind == "tmpfs":
        if "source" in given:
            raise _wrong(f"{where}: a tmpfs has no source")
        options = (*others, *_options(given, where, "tmpfs-"))
        return MountSpec(type="tmpfs", target=_absolute(given["target"], where), options=options)
    raise _wrong(f"{where}: type {kind!r} is neither bind nor tmpfs")


def _fields(text: str, where: str) -> tuple[dict[str, str], tuple[str, ...]]:
    """Return the keys that are known with their values, and the other fields as they are."""
    given: dict[str, str] = {}
    others = []
    for field in text.split(","):
        name, _, value = field.partition("=")
        key = _ALIASES.get(name, name)
        if not key:
            raise _wrong(f"{where}: no such key: ''")
        if key in _KEYS:
            given[key] = value
        else:
            others.append(field)
    return given, tuple(others)


def _options(given: dict[str, str], where: str, own: str) -> tuple[str, ...]:
    """Return the mount options; own: the prefix of the keys that this type of mount has for itself."""
    readonly = _TRUTH.get(given.get("readonly", "false"))
    if readonly is None:
        raise _wrong(f"{where}: readonly is neither true nor false")
    foreign = [key for key in given if "-" in key and not key.startswith(own)]
    if foreign:
        raise _wrong(f"{where}: {foreign[0]} does not go with this type")
    sizes = [f"{key.removeprefix('tmpfs-')}={given[key]}" for key in ("tmpfs-size", "tmpfs-mode") if key in given]
    propagation = [given[key] for key in ("bind-propagation",) if key in given]
    return (*sizes, *propagation, *(("ro",) if readonly else ()))


def _bind(source: str, target: str, options: tuple[str, ...], where: str) -> MountSpec:
    binding = () if {"bind", "rbind"} & set(options) else ("rbind",)
    return MountSpec(
        type="bind", source=os.path.abspath(source), target=_absolute(target, where), options=(*binding, *options)
    )


def _absolute(target: str, where: str) -> str:
    if not target.startswith("/"):
        raise _wrong(f"{where}: target {target!r} is not absolute")
    return target


def _wrong(cause: str) -> InvalidArgument:
    return InvalidArgument(f"cannot read the options: {cause}", step="parse")
