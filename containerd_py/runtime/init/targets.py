"""Places inside the root: found and made from its descriptor, each component by the kernel (SECURITY R5)."""

from __future__ import annotations

import errno
import os

from containerd_py.runtime.init.steps import Context, StepFailed, restriction_for
from containerd_py.runtime.linux import paths
from containerd_py.runtime.linux.statfs import PROC_SUPER_MAGIC, filesystem_magic

TYPE_CHECKING = False
if TYPE_CHECKING:
    from containerd_py.runtime.linux.fd import Fd

_ABSENT = (errno.ENOENT, errno.ENOTDIR)


def existing(context: Context, path: str) -> Fd | None:
    """Open with O_PATH what stands at `path`; None where the root has no such thing."""
    try:
        return paths.open_in_root(context.root_fd(), path, os.O_PATH, resolve=restriction_for(path))
    except OSError as problem:
        if problem.errno in _ABSENT:
            return None
        raise


def directory(context: Context, path: str) -> Fd:
    """Open the directory at `path` with O_PATH, made with its parents where they are missing."""
    return paths.make_directories_in_root(context.root_fd(), path, resolve=restriction_for(path))


def file(context: Context, path: str, *, links: int = paths.LINKS) -> Fd:
    """Open the file at `path`, made empty if nothing stands there: a target for a bind.

    Images are common whose /etc/resolv.conf is a symlink to what their service manager would make: it is followed.
    """
    restriction = restriction_for(path)
    try:
        return paths.open_in_root(context.root_fd(), path, os.O_PATH, resolve=restriction)
    except FileNotFoundError:
        parent, name = split(path)
    with directory(context, parent) as folder:
        flags = os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_NOFOLLOW
        try:
            return paths.openat2(folder.fileno(), name, flags, 0o644, paths.Resolve.BENEATH)
        except FileExistsError:
            target = paths.behind(folder.fileno(), path, links)
            if target is None:
                raise
    return file(context, target, links=links - 1)


def place(context: Context, path: str, *, is_directory: bool) -> Fd:
    """Open what a mount is attached on, made if nothing stands there.

    Raises StepFailed where a symlink of the image leads into procfs: what may be mounted there was decided by the path.
    """
    found = directory(context, path) if is_directory else file(context, path)
    # Below /proc itself no symlink was followed, so that the path is what it says.
    if restriction_for(path) is paths.NO_RESTRICTION and filesystem_magic(found.fileno()) == PROC_SUPER_MAGIC:
        found.close()
        raise StepFailed(errno.ELOOP, f"{path} leads into procfs")
    return found


def unfollowed(context: Context, path: str) -> Fd:
    """Open what stands at `path` itself, a symlink too. Raises FileNotFoundError."""
    parent, name = split(path)
    with directory(context, parent) as folder:
        return paths.openat2(folder.fileno(), name, os.O_PATH | os.O_NOFOLLOW, 0, paths.Resolve.BENEATH)


def split(path: str) -> tuple[str, str]:
    """Return (the path of the directory, the last name)."""
    parent, _, name = path.rstrip("/").rpartition("/")
    return parent or "/", name
