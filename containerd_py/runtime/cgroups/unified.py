"""Cgroup v2: handing controllers down to a cgroup, and a cgroup to its owner."""

from __future__ import annotations

import errno
import os

from containerd_py.light import contextlib
from containerd_py.runtime.cgroups import files

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

_DELEGATED = ("cgroup.procs", "cgroup.subtree_control", "cgroup.threads")  # config-linux.md, "Cgroup ownership"


def enable(mount: str, directory: str, controller: str) -> None:
    """Hand a controller down to the cgroup, from the mount's root on (cgroup-v2.rst, "Top-down Constraint").

    Raises OSError: EBUSY where a parent has processes of its own, EACCES where it is not ours and has not got it.
    The former is asked here: the kernel would take a controller of threads (cpu, pids) and turn the parent into a threaded
    domain, in which its processes could have neither memory nor I/O limits any more ("Threads").
    """
    for parent in _parents(mount, directory):
        path = f"{parent}/cgroup.subtree_control"
        with open(path, encoding="utf-8") as file:
            enabled = file.read().split()
        if controller not in enabled:
            if _has_processes(parent):
                raise OSError(errno.EBUSY, os.strerror(errno.EBUSY), path)
            files.write(path, f"+{controller}")


def _has_processes(directory: str) -> bool:
    """The root of the hierarchy may have them; it alone has no type."""
    return files.read(f"{directory}/cgroup.type") is not None and bool(files.read(f"{directory}/cgroup.procs"))


def enable_if_possible(mount: str, directory: str, controllers: tuple[str, ...]) -> None:
    """Hand down what nobody asked to limit, for its figures."""
    for controller in controllers:
        with contextlib.suppress(OSError):
            enable(mount, directory, controller)


def _parents(mount: str, directory: str) -> Iterator[str]:
    """Yield the mount point and each directory above the cgroup, downwards."""
    parent = mount
    for name in os.path.relpath(directory, mount).split("/"):
        yield parent
        parent = f"{parent}/{name}"


def delegate(directory: str, uid: int) -> None:
    """Give a cgroup to the host's user that the container's root is (config-linux.md, "Cgroup ownership").

    For a container that sees its cgroup writable in a namespace of its own; what limits it stays root's.
    """
    listed = files.read("/sys/kernel/cgroup/delegate")
    for path in (directory, *(f"{directory}/{name}" for name in (listed.split() if listed else _DELEGATED))):
        with contextlib.suppress(FileNotFoundError):
            os.chown(path, uid, -1)
