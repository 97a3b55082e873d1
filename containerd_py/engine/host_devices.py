"""Devices of the host for a container: the nodes to make of them, and the rules that let them be used."""

from __future__ import annotations

import errno
import os
import stat
from typing import TYPE_CHECKING

from containerd_py.errors import InvalidArgument
from containerd_py.light.dataclasses import dataclass
from containerd_py.runtime.spec.linux import Device
from containerd_py.runtime.spec.resources import DeviceRule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from containerd_py.wire import ContainerSpec, DeviceSpec

_DEV = "/dev"
_OTHERS = ("/dev/console", "/dev/ptmx", "/dev/tty")
_FOLDERS = ("pts", "shm", "fd", "mqueue", "hugepages")
"""Of the container itself: it has its own."""


@dataclass(frozen=True)
class Devices:
    nodes: tuple[Device, ...] = ()
    rules: tuple[DeviceRule, ...] = ()


def devices(request: ContainerSpec) -> Devices:
    """Blocking: looks at what is named, and at all of /dev for a privileged one. Raises InvalidArgument."""
    named = [(_node(asked, index), asked.access) for index, asked in enumerate(request.devices)]
    if request.privileged:  # the last of two on one path would be refused by mknod
        targets = {node.path for node, _access in named}
        others = tuple(node for node in all_below(_DEV) if node.path not in targets)
        return Devices((*others, *(node for node, _access in named)), (DeviceRule(allow=True, access="rwm"),))
    rules = (
        DeviceRule(allow=True, type="b" if node.type == "b" else "c", major=node.major, minor=node.minor, access=access)
        for node, access in named
    )
    return Devices(tuple(node for node, _access in named), tuple(rules))


def _node(asked: DeviceSpec, index: int) -> Device:
    try:
        found = os.stat(asked.path)
    except OSError as problem:
        raise _refusal(asked, index, problem.strerror or "", problem.errno) from problem
    if not _is_device(found.st_mode):
        raise _refusal(asked, index, "it is no device", errno.ENODEV)
    return _made_of(found, asked.target or asked.path)


def all_below(folder: str) -> Iterator[Device]:
    """Yield each device below a folder, as docker does; what comes and goes meanwhile is not waited for."""
    for entry in _entries(folder):
        if entry.is_dir(follow_symlinks=False):
            if entry.name not in _FOLDERS:
                yield from all_below(entry.path)
            continue
        try:
            found = entry.stat(follow_symlinks=False)
        except FileNotFoundError:
            continue
        if _is_device(found.st_mode) and entry.path not in _OTHERS:
            yield _made_of(found, entry.path)


def _entries(folder: str) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return sorted(entries, key=lambda one: one.name)
    except OSError:  # gone meanwhile; or something is mounted there that nobody serves any more
        return []


def _is_device(mode: int) -> bool:
    return stat.S_ISCHR(mode) or stat.S_ISBLK(mode)


def _made_of(found: os.stat_result, path: str) -> Device:
    return Device(
        type="b" if stat.S_ISBLK(found.st_mode) else "c",
        path=path,
        major=os.major(found.st_rdev),
        minor=os.minor(found.st_rdev),
        file_mode=stat.S_IMODE(found.st_mode),
        uid=found.st_uid,
        gid=found.st_gid,
    )


def _refusal(asked: DeviceSpec, index: int, cause: str, number: int | None) -> InvalidArgument:
    return InvalidArgument(
        f"cannot create container: devices[{index}] {asked.path!r}: {cause}",
        step="lower",
        errno=number,
        hint="name a character or block device of the host, such as /dev/fuse",
    )
