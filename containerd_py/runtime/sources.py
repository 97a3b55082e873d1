"""What the parent opens on the host for a worker that may not: trees whose ids are mapped, and places out of its reach.

They go to the worker as handles, by the names that the Plan's operations know them by.
"""

from __future__ import annotations

import errno
import os
import stat

from containerd_py.errors import ContainerdError, InvalidArgument, NotSupported, Unavailable
from containerd_py.light.contextlib import ExitStack
from containerd_py.runtime import userns
from containerd_py.runtime.linux import mounts
from containerd_py.runtime.linux.fd import Fd
from containerd_py.runtime.linux.mounts import MountAttr
from containerd_py.runtime.linux.paths import NO_RESTRICTION, Resolve, open_in_root, openat2
from containerd_py.runtime.linux.pidfd import pidfd_send_signal
from containerd_py.runtime.plan.operations import AttachRoot

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from containerd_py.runtime.plan.plan import Plan, Source, UserMapping

ROOT = "rootfs"
_AT_FDCWD = -100
_CALLERS_FAULT = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.EACCES, errno.ENAMETOOLONG)
_HINTS = {
    errno.ENOENT: "make it on the host first, or correct its path",
    errno.EPERM: "this needs CAP_SYS_ADMIN over the host's mounts",
}

_NOT_MAPPED = {errno.EINVAL: "its file system, or one below it, takes no idmapped mounts on this kernel"}


def open_sources(plan: Plan, *, user_namespace: Callable[[UserMapping], Fd] = userns.user_namespace) -> dict[str, Fd]:
    """Return what `plan.sources` names but places; the caller closes it once it is passed.

    It is a detached tree, or for one of the container's own mounts the user namespace that maps its ids.

    user_namespace: makes one with a mapping; each mapping gets one, and only for the time of this call. Raises
    InvalidArgument, NotSupported, Unavailable; then nothing is left open.
    """
    detached = [source for source in plan.sources if source.detached]
    with ExitStack() as opened, _Namespaces(user_namespace) as namespaces:
        handles = {source.handle: opened.enter_context(_open(source, namespaces)) for source in detached}
        opened.pop_all()
        return handles


def open_places(plan: Plan, pid: int, pidfd: int) -> dict[str, Fd]:
    """Return the other sources, as places of the mount namespace that the worker has been forked into.

    What is opened below /proc/PID/root is of that namespace: so the worker may clone it, though not reach it by its path.
    Raises InvalidArgument, Unavailable; then nothing is left open.
    """
    places = [source for source in plan.sources if not source.detached]
    if not places:
        return {}
    with ExitStack() as opened, _root_of(pid, pidfd) as root:
        handles = {source.handle: opened.enter_context(_open_place(source, root.fileno())) for source in places}
        opened.pop_all()
        return handles


def _root_of(pid: int, pidfd: int) -> Fd:
    """SECURITY R10: the number is the worker's as long as its pidfd says that it has not been waited for."""
    try:
        root = openat2(_AT_FDCWD, f"/proc/{pid}/root", os.O_PATH | os.O_DIRECTORY, 0, NO_RESTRICTION)
        pidfd_send_signal(pidfd, 0)
    except (FileNotFoundError, ProcessLookupError) as problem:
        raise Unavailable("cannot open sources: the worker has ended", step="mount", hint="was it killed?") from problem
    return root


def _open_place(source: Source, root: int) -> Fd:
    flags = os.O_PATH | (0 if source.follow else os.O_NOFOLLOW)
    resolve = NO_RESTRICTION
    if source.handle == ROOT:
        flags |= os.O_DIRECTORY
    if source.handle == ROOT or source.straight:
        resolve = Resolve.NO_SYMLINKS
    try:
        return open_in_root(root, source.path, flags, resolve=resolve)
    except OSError as problem:
        raise _refused("open", source, problem) from problem


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


def map_inside(plan: Plan, key: int, fds: list[int]) -> None:
    """Map the ids of a tree of the container's own mounts, which its worker asks for (`dialogue.Unmapped`).

    fds: the tree, the user namespace; they are closed. Raises NotSupported, Unavailable.
    """
    (source,) = (source for source in plan.sources if source.handle == f"ids{key}")
    tree, namespace = map(Fd, fds)
    with tree, namespace:
        try:
            mounts.map_ids(tree.fileno(), namespace.fileno(), recursive=source.mapping_recursive)
        except OSError as problem:
            raise _refused("map the ids of", source, problem, _NOT_MAPPED) from problem


def _open(source: Source, namespaces: _Namespaces) -> Fd:
    if not source.inside:
        return _open_tree(source, namespaces)
    try:
        return Fd(os.dup(namespaces.get(source).fileno()))
    except OSError as problem:
        raise _refused("map the ids of", source, problem) from problem


def _open_tree(source: Source, namespaces: _Namespaces) -> Fd:
    if source.nodes:
        return _make_nodes(source)
    try:
        tree = _clone(source)
    except OSError as problem:
        raise _refused("clone", source, problem) from problem
    try:
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


def _make_nodes(source: Source) -> Fd:
    """Make a file system of the host's, on which nodes are devices: one of a user namespace takes none (mknod(2))."""
    made = mounts.new_filesystem("tmpfs", (("source", "devices"), ("mode", "755")), MountAttr.NOSUID | MountAttr.NOEXEC)
    try:
        for node in source.nodes:
            kind = stat.S_IFBLK if node.kind == "b" else stat.S_IFCHR
            os.mknod(node.name, kind, os.makedev(node.major, node.minor), dir_fd=made.fileno())
            os.chown(node.name, node.uid, node.gid, dir_fd=made.fileno())
            os.chmod(node.name, node.mode, dir_fd=made.fileno())  # whatever our umask is
    except OSError as problem:
        made.close()
        raise NotSupported(
            f"cannot make devices for a user namespace ({source.origin}): {problem.strerror}",
            step="device",
            errno=problem.errno,
        ) from problem
    return made


def _clone(source: Source) -> Fd:
    if not source.straight:
        return mounts.clone_tree(_AT_FDCWD, source.path, recursive=source.recursive, follow=source.follow)
    with openat2(_AT_FDCWD, source.path, os.O_PATH, 0, Resolve.NO_SYMLINKS) as place:
        return mounts.clone_tree(place.fileno(), "", recursive=source.recursive)


def _map(tree: Fd, source: Source, namespaces: _Namespaces) -> None:
    try:
        namespace = namespaces.get(source)
        mounts.map_ids(tree.fileno(), namespace.fileno(), recursive=source.mapping_recursive)
    except OSError as problem:
        raise _refused("map the ids of", source, problem, _NOT_MAPPED) from problem


def _refused(verb: str, source: Source, problem: OSError, hints: dict[int, str] | None = None) -> ContainerdError:
    number = problem.errno or 0
    kind: type[ContainerdError] = Unavailable
    if number in _CALLERS_FAULT:
        kind = InvalidArgument
    elif number in (errno.EINVAL, errno.EPERM, errno.ENOSYS):
        kind = NotSupported
    what = f"{'root file system' if source.handle == ROOT else 'bind source'} {source.path!r}"
    asked = f" ({source.origin})" if source.origin else ""
    return kind(
        f"cannot {verb} {what}{asked}: {os.strerror(number)}",
        step=AttachRoot.step if source.handle == ROOT else "mount",
        errno=number,
        hint=(_HINTS | (hints or {})).get(number),
    )
