"""What a path leads to, held by the descriptor of its directory; and what a container's mounts would hide there."""

from __future__ import annotations

import errno
import os
import stat

from containerd_py.light.dataclasses import dataclass
from containerd_py.runtime.init import dialogue
from containerd_py.runtime.init.steps import Context, StepFailed, executes
from containerd_py.runtime.linux.paths import NO_RESTRICTION, open_in_root, openat2
from containerd_py.runtime.plan import operations as op

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from containerd_py.runtime.linux.fd import Fd

DIRECTORY = os.O_PATH | os.O_DIRECTORY
_DEEPEST = 4096
_TYPES = {
    stat.S_IFREG: "file",
    stat.S_IFDIR: "directory",
    stat.S_IFLNK: "symlink",
    stat.S_IFCHR: "character_device",
    stat.S_IFBLK: "block_device",
    stat.S_IFIFO: "fifo",
    stat.S_IFSOCK: "socket",
}


@dataclass(frozen=True)
class Place:
    """parent: the directory; name: in it, or "." for itself; found: what stood there a moment ago.

    title: the last component of the path that led there, "." where that names nothing.
    """

    parent: Fd
    name: str
    title: str
    found: os.stat_result

    def document(self) -> dict[str, Any]:
        """Return what the parent is told: a symlink is told as what it is. Raises StepFailed."""
        mode = self.found.st_mode
        target = self._link_target() if stat.S_ISLNK(mode) else None
        return {
            "name": self.title,
            "type": _TYPES[stat.S_IFMT(mode)],
            "mode": stat.S_IMODE(mode),
            "size": self.found.st_size,
            "uid": self.found.st_uid,
            "gid": self.found.st_gid,
            "mtime_ns": self.found.st_mtime_ns,
            "link_target": target,
        }

    def _link_target(self) -> str:
        try:
            return os.readlink(self.name, dir_fd=self.parent.fileno())
        except OSError as problem:  # of a process, or something else stands there now
            raise StepFailed(problem.errno or 0, os.strerror(problem.errno or 0)) from problem


@executes(op.TakeRoot)
def take_root(context: Context, step: op.TakeRoot) -> None:
    context.root = context.take_handle("root")
    os.fchdir(context.root.fileno())
    os.chroot(".")  # so that no path at all leads elsewhere
    for path in step.covered:
        try:
            with open_in_root(context.root.fileno(), path, os.O_PATH) as place:
                context.covered[_identity(os.fstat(place.fileno()))] = path
        except OSError:
            continue  # nothing stands there that could be taken for it


@executes(op.StatPath)
def stat_path(context: Context, step: op.StatPath) -> None:
    place = find(context, step.path)
    dialogue.send_found(context.control, place.document())


def find(context: Context, path: str) -> Place:
    """Resolve a path as a process of the container would, but for a symlink at its very end. Raises StepFailed."""
    try:
        place = _find(context.root_fd(), path)
    except OSError as problem:
        raise StepFailed(problem.errno or 0, os.strerror(problem.errno or 0)) from problem
    check_uncovered(context, place.parent.fileno(), path)
    if _identity(place.found) in context.covered:
        raise _covered(path, context.covered[_identity(place.found)])
    return place


def _find(root: int, path: str) -> Place:
    parent, _, name = path.rpartition("/")
    if name in ("", ".", ".."):  # with a slash at its end it means the directory, also behind a symlink
        opened = open_in_root(root, path or "/", DIRECTORY)
        return Place(opened, ".", _title(path), os.fstat(opened.fileno()))
    opened = open_in_root(root, parent or "/", DIRECTORY)
    return Place(opened, name, name, os.stat(name, dir_fd=opened.fileno(), follow_symlinks=False))


def _title(path: str) -> str:
    last = path.rstrip("/").rpartition("/")[2]
    return "." if last in ("", "..") else last


def check_uncovered(context: Context, directory: int, path: str) -> None:
    """Raise StepFailed where a directory lies in a place that a mount hides while the container runs.

    By going up: names say nothing, since symlinks lead there too.
    """
    if not context.covered:
        return
    top = _identity(os.fstat(context.root_fd()))
    current = openat2(directory, ".", DIRECTORY, 0, NO_RESTRICTION)
    for _ in range(_DEEPEST):
        with current as here:
            identity = _identity(os.fstat(here.fileno()))
            if identity in context.covered:
                raise _covered(path, context.covered[identity])
            if identity == top:
                return
            current = openat2(here.fileno(), "..", DIRECTORY, 0, NO_RESTRICTION)
    current.close()
    raise StepFailed(errno.ENAMETOOLONG, f"{path!r} lies too deep")


def _covered(path: str, mount: str) -> StepFailed:
    return StepFailed(errno.EBUSY, f"{path!r} is of the mount on {mount!r}, which is there only while the container lives")


def _identity(found: os.stat_result) -> tuple[int, int]:
    return found.st_dev, found.st_ino
