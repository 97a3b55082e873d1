"""What the one who asks may see, touch and make: set for each request, and inherited by the tasks that carry it out.

A scope without labels is everything. With labels, containers without them are not there; and what is made has them, is made
by the friendly form only, and has of the host only what the scope names: or else who may make a container would be root.
"""

from __future__ import annotations

import contextlib
import os
import stat
from contextvars import ContextVar
from typing import TYPE_CHECKING

from containerd_py.engine.labels import carries_all
from containerd_py.engine.own_thread import in_own_thread
from containerd_py.errors import Forbidden
from containerd_py.light.dataclasses import dataclass
from containerd_py.wire import ContainerSpec

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from containerd_py.wire import CreateRequest, ExecSpec, MountSpec, UpdateRequest

# What is not named here was not judged, and is refused: a field that is new in `wire` as well.
_CREATION = {
    *("id", "name", "labels", "stdin", "log", "restart", "stop_signal", "stop_timeout_s", "durable"),
    *("auto_remove", "health", "notify", "watchdog_s"),
    *("rootfs", "args", "env", "cwd", "user", "hostname", "terminal", "read_only", "mounts", "resources", "network"),
    *("cap_drop", "additional_groups", "shm_size_bytes"),
}
_EXEC = {"args", "env", "cwd", "user", "additional_groups", "terminal", "stdin", "detach", "capabilities"}
_UPDATE = {"resources", "restart", "durable"}
_OPTIONS = {"ro", "rw", "nosuid", "nodev", "noexec", "noatime", "nodiratime", "relatime", "bind", "rbind"}
_TMPFS_OPTIONS = ("size=", "mode=", "nr_inodes=")
_STEP = "access"


@dataclass(frozen=True)
class Scope:
    """labels: selectors, all of which a container must carry. host_paths: below these are root file systems and binds."""

    labels: tuple[str, ...] = ()
    host_paths: tuple[str, ...] = ()

    @property
    def limited(self) -> bool:
        return bool(self.labels)

    def shows(self, labels: Mapping[str, str]) -> bool:
        """True where a container with these labels is there for the one who asks."""
        return carries_all(labels, self.labels)


EVERYTHING = Scope()
_scope: ContextVar[Scope] = ContextVar("scope", default=EVERYTHING)


def scope() -> Scope:
    """Return that of the request which is served; everything for what happens by itself."""
    return _scope.get()


@contextlib.contextmanager
def within(limits: Scope) -> Iterator[None]:
    token = _scope.set(limits)
    try:
        yield
    finally:
        _scope.reset(token)


async def admitted(request: CreateRequest) -> CreateRequest:
    """Return a creation with the labels that it must have. Raises Forbidden for what the scope does not let make."""
    limits = scope()
    if not limits.limited:
        return request
    if not isinstance(request, ContainerSpec):
        form = "bundle" if hasattr(request, "bundle") else "oci"
        raise _refusal(f"{form}: only containers described by 'rootfs' are made by this socket")
    _check_fields(_asked(request), _CREATION)
    if request.network == "host":
        raise _refusal("network: the host's own network is not for this socket")
    if request.log.driver == "journald":
        raise _refusal("log.driver: the host's journal, where a tag may be anybody's, is not for this socket")
    for index, mount in enumerate(request.mounts):
        _check_mount(f"mounts.{index}", mount)
    await in_own_thread(_check_paths, request, limits.host_paths)
    return request.model_copy(update={"labels": _labelled(request.labels, limits.labels)})


def check_exec(request: ExecSpec) -> None:
    """Raises Forbidden for what would give a process more than its container has."""
    if scope().limited:
        _check_fields(_asked(request), _EXEC)


def check_update(request: UpdateRequest) -> None:
    """Raises Forbidden."""
    if scope().limited:
        _check_fields(request.model_fields_set, _UPDATE)


def _asked(request: ContainerSpec | ExecSpec) -> set[str]:
    """Return the fields that say more than would hold without them."""
    usual = type(request).model_fields
    return {
        name
        for name in request.model_fields_set
        if usual[name].is_required() or getattr(request, name) != usual[name].get_default(call_default_factory=True)
    }


def _check_fields(given: set[str], judged: set[str]) -> None:
    for name in sorted(given - judged):
        raise _refusal(f"{name}: it is not for a socket that is limited to labels")


def _labelled(given: dict[str, str], selectors: tuple[str, ...]) -> dict[str, str]:
    labels = dict(given)
    for selector in selectors:
        key, separator, value = selector.partition("=")
        if separator:
            labels.setdefault(key, value)
        if key not in labels:
            raise _refusal(f"labels.{key}: this socket makes containers with such a label only")
        if separator and labels[key] != value:
            raise _refusal(f"labels.{key}: it is {value!r} for all containers of this socket")
    return labels


def _check_mount(place: str, mount: MountSpec) -> None:
    tmpfs = mount.type == "tmpfs"
    if not tmpfs and (mount.type not in (None, "bind") or mount.source is None):
        raise _refusal(f"{place}.type: binds and tmpfs only are for a socket that is limited to labels")
    for option in mount.options:
        if option not in _OPTIONS and not (tmpfs and option.startswith(_TMPFS_OPTIONS)):
            raise _refusal(f"{place}.options: {option!r} is not for a socket that is limited to labels")


def _check_paths(request: ContainerSpec, allowed: tuple[str, ...]) -> None:
    """Blocking."""
    _check_host_path("rootfs", request.rootfs, allowed)
    for index, mount in enumerate(request.mounts):
        if mount.type != "tmpfs":
            _check_host_path(f"mounts.{index}.source", mount.source or "", allowed)


def _check_host_path(place: str, path: str, allowed: tuple[str, ...]) -> None:
    """It is opened by its name later, and at each start again: so only root may be able to change what that leads to.

    A container's root can, in a tree of its own: so it is opened without following links then (`lowering`).
    """
    if os.path.normpath(path) != path:
        raise _refusal(f"{place}: {path!r} has '.', '..' or '//' on its way")
    if not any(path == one or path.startswith(one.rstrip("/") + "/") for one in allowed):  # of others nothing is told
        raise _refusal(f"{place}: {path!r} is not below a directory that this socket may use", hint=_HINT)
    if os.path.realpath(path) != path:
        raise _refusal(f"{place}: {path!r} has a link on its way")
    try:
        changeable = _changeable(path)
    except OSError as problem:
        raise _refusal(f"{place}: {path!r}: {problem.strerror}") from problem
    if changeable is not None:
        raise _refusal(f"{place}: others could put something else at {path!r}, since they can write to {changeable!r}")


def _changeable(path: str) -> str | None:
    """Return the first directory on the way in which others can replace what comes next; None where there is none."""
    ours = (0, os.geteuid())
    parts = path.strip("/").split("/")
    for depth in range(len(parts)):
        folder = "/" + "/".join(parts[:depth])
        found = os.lstat(folder)
        written_by_others = bool(found.st_mode & 0o022)
        if written_by_others and found.st_mode & stat.S_ISVTX:  # there each can replace only what is his own
            written_by_others = os.lstat(os.path.join(folder, parts[depth])).st_uid not in ours
        if found.st_uid not in ours or written_by_others:
            return folder
    return None


_HINT = "host_paths of the socket, in the daemon's settings, names them"


def _refusal(cause: str, hint: str | None = None) -> Forbidden:
    return Forbidden(f"cannot serve request: {cause}", step=_STEP, hint=hint)
