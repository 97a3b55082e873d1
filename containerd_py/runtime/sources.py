"""What the parent takes of the host for a worker that may not: detached trees, their ids mapped where a mount asks for it.

They go to the worker as handles, by the names that the Plan's operations know them by.
"""

from __future__ import annotations

import errno
import os
from contextlib import ExitStack
from typing import TYPE_CHECKING

from containerd_py.errors import ContainerdError, InvalidArgument, NotSupported, Unavailable
from containerd_py.runtime import userns
from containerd_py.runtime.linux import mounts
from containerd_py.runtime.linux.paths import NO_RESTRICTION, Resolve, openat2
from containerd_py.runtime.plan.operations import AttachRoot

if TYPE_CHECKING:
    from collections.abc import Callable

    from containerd_py.runtime.linux.fd import Fd
    from containerd_py.runtime.plan.plan import Plan, Source, UserMapping

ROOT = "rootfs"
_AT_FDCWD = -100
_CALLERS_FAULT = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.EACCES, errno.ENAMETOOLONG)
_HINTS = {
    errno.ENOENT: "make it on the host first, or correct its path",
    errno.EPERM: "this needs CAP_SYS_ADMIN over the host's mounts",
}


def open_sources(plan: Plan, *, user_namespace: Callable[[UserMapping], Fd] = userns.user_namespace) -> dict[str, Fd]:
    """Return the handles that `plan.sources` names; the caller closes them once they are passed.

    user_namespace: makes one with a mapping; each mapping gets one, and only for the time of this call. Raises
    InvalidArgument, NotSupported, Unavailable; then nothing is left open.
    """
    with ExitStack() as opened, _Namespaces(user_namespace) as namespaces:
        handles = {source.handle: opened.enter_context(_open(source, namespaces)) for source in plan.sources}
        opened.pop_all()
        return handles


class _Namespaces:
    """User namespaces by their mappings or paths, made when they are asked for first; a context manager."""

    def __init__(self, make: Callable[[UserMapping], Fd]) -> None:
        self._make = make
        self._made: dict[UserMapping | str, Fd] = {}

    def get(self, source: Source) -> Fd:
        wanted = source.mapping or source.user_path
        if wanted not in self._made:
            self._made[wanted] = self._open(source.user_path) if source.mapping is None else self._make(source.mapping)
        return self._made[wanted]

    @staticmethod
    def _open(path: str) -> Fd:
        return openat2(_AT_FDCWD, path, os.O_RDONLY, 0, NO_RESTRICTION)

    def __enter__(self) -> _Namespaces:
        return self

    def __exit__(self, *_problem: object) -> None:
        for namespace in self._made.values():
            namespace.close()


def _open(source: Source, namespaces: _Namespaces) -> Fd:
    try:
        tree = _clone(source)
    except OSError as problem:
        raise _refused("clone", source, problem) from problem
    try:
        if source.mapping is not None or source.user_path:
            _map(tree, source, namespaces)
        if source.propagation:
            mounts.mount_setattr(tree.fileno(), propagation=source.propagation, recursive=True)
    except OSError as problem:
        tree.close()
        raise _refused("clone", source, problem) from problem
    except BaseException:
        tree.close()
        raise
    return tree


def _clone(source: Source) -> Fd:
    if source.handle != ROOT:
        return mounts.clone_tree(_AT_FDCWD, source.path, recursive=source.recursive, follow=source.follow)
    with openat2(_AT_FDCWD, source.path, os.O_PATH | os.O_DIRECTORY, 0, Resolve.NO_SYMLINKS) as directory:
        return mounts.clone_tree(directory.fileno(), "", recursive=source.recursive)


def _map(tree: Fd, source: Source, namespaces: _Namespaces) -> None:
    try:
        namespace = namespaces.get(source)
        mounts.map_ids(tree.fileno(), namespace.fileno(), recursive=source.mapping_recursive)
    except OSError as problem:
        hints = {errno.EINVAL: "its file system, or one below it, takes no idmapped mounts on this kernel"}
        raise _refused("map the ids of", source, problem, hints) from problem


def _refused(verb: str, source: Source, problem: OSError, hints: dict[int, str] | None = None) -> ContainerdError:
    number = problem.errno or 0
    kind: type[ContainerdError] = Unavailable
    if number in _CALLERS_FAULT:
        kind = InvalidArgument
    elif number in (errno.EINVAL, errno.EPERM, errno.ENOSYS):
        kind = NotSupported
    return kind(
        f"cannot {verb} {'root file system' if source.handle == ROOT else 'bind source'} {source.path!r}:"
        f" {os.strerror(number)}",
        step=AttachRoot.step if source.handle == ROOT else "mount",
        errno=number,
        hint=(_HINTS | (hints or {})).get(number),
    )
