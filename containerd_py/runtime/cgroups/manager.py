"""Making, filling, killing and removing a container's cgroup, in every hierarchy that it needs."""

from __future__ import annotations

import contextlib
import errno
import os
import signal
import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Self

from containerd_py.errors import Conflict, ContainerdError, InvalidArgument, NotSupported, Unavailable
from containerd_py.runtime.cgroups.v1 import devices as v1_devices
from containerd_py.runtime.cgroups.v1 import pids as v1_pids
from containerd_py.runtime.cgroups.v2 import pids as v2_pids
from containerd_py.runtime.linux.fd import Fd

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from containerd_py.runtime.cgroups.layout import Layout
    from containerd_py.runtime.cgroups.resources import FileValue, Resources

V1_CONTROLLERS: dict[str, Callable[[Resources], tuple[FileValue, ...]]] = {
    "pids": v1_pids.values,
    "devices": v1_devices.values,
}
V2_CONTROLLERS: dict[str, Callable[[Resources], tuple[FileValue, ...]]] = {"pids": v2_pids.values}

_ROUNDS = 64  # of killing what is listed: each round leaves only what was forked meanwhile
_ATTEMPTS = 64  # to make a directory whose parent somebody else removes, being empty


@dataclass(frozen=True, slots=True)
class Cgroup:
    """Where a container's cgroup lies: absolute directories; `v2` for killing and birth, `v1` for the rest.

    parents: the directories above it that were made for it, each after the one that it lies in.
    """

    v2: str | None
    v1: tuple[str, ...]
    parents: tuple[str, ...] = field(default=(), compare=False)

    @property
    def paths(self) -> tuple[str, ...]:
        return ((self.v2,) if self.v2 else ()) + self.v1


class Placement:
    """Open descriptors by which a process gets into a cgroup; a context manager.

    directory: the v2 directory, for clone3; tasks: the tasks files of the v1 hierarchies, for writing "0".

    `tasks`, since a thread that moves itself needs no lock on all thread groups; cgroup.procs does, and waits for a grace
    period of the kernel (10 ms here) to get it. The worker has one thread.
    """

    def __init__(self, cgroup: Cgroup) -> None:
        self.directory: Fd | None = None
        self.tasks: list[Fd] = []
        try:
            if cgroup.v2:
                self.directory = Fd(os.open(cgroup.v2, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC))
            for path in cgroup.v1:
                self.tasks.append(Fd(os.open(f"{path}/tasks", os.O_WRONLY | os.O_CLOEXEC)))
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        for fd in (self.directory, *self.tasks):
            if fd is not None:
                fd.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_problem: object) -> None:
        self.close()


class CgroupManager:
    def __init__(self, layout: Layout) -> None:
        self._layout = layout

    def create(self, path: str, resources: Resources) -> Cgroup:
        """Make the cgroup at `path` ("/pycontainerd/abc") with its limits, before anybody is in it.

        An empty one that is there already is taken over. Raises NotSupported for a limit without controller, Conflict
        where processes live in it; then nothing is left behind.
        """
        if ".." in path.split("/") or not path.strip("/"):
            raise InvalidArgument(f"cannot make cgroup {path!r}: not a path below the root", step="cgroup")
        self._check_controllers(resources)
        cgroup = self.locate(path, resources)
        made: list[str] = []
        try:
            for directory in cgroup.paths:
                _make(directory, made)
            self.check_free(path, cgroup)
            self._write_limits(cgroup, path, resources)
        except OSError as problem:
            _unmake(made)
            raise _refused(path, problem) from problem
        except BaseException:
            _unmake(made)
            raise
        return replace(cgroup, parents=tuple(directory for directory in made if directory not in cgroup.paths))

    def check_free(self, path: str, cgroup: Cgroup) -> None:
        """Raises Conflict where processes live in the cgroup, or below it, already."""
        for directory in cgroup.paths:
            if _populated(directory):
                raise Conflict(f"cannot make cgroup {path!r}: processes live in it ({directory})", step="cgroup")

    def everywhere(self, path: str) -> Cgroup:
        """Return the places of a cgroup whose resources are not known: in every hierarchy that this module uses."""
        name = path.strip("/")
        mounts = dict.fromkeys(
            self._layout.v1[controller] for controller in V1_CONTROLLERS if controller in self._layout.v1
        )
        return Cgroup(
            f"{self._layout.v2}/{name}" if self._layout.v2 else None, tuple(f"{mount}/{name}" for mount in mounts)
        )

    def children(self, path: str) -> tuple[str, ...]:
        """Return the names of the cgroups in the one at `path`, from all hierarchies."""
        names: set[str] = set()
        for directory in self.everywhere(path).paths:
            if os.path.isdir(directory):
                with os.scandir(directory) as entries:
                    names.update(entry.name for entry in entries if entry.is_dir(follow_symlinks=False))
        return tuple(sorted(names))

    def remove_empty(self, path: str) -> None:
        """Remove the cgroup at `path` from every hierarchy where nothing is in it."""
        for directory in self.everywhere(path).paths:
            with contextlib.suppress(OSError):
                os.rmdir(directory)

    def locate(self, path: str, resources: Resources) -> Cgroup:
        """Return where the cgroup lies, whether it is there or not."""
        name = path.strip("/")
        needed = {"pids", *resources.controllers()} & set(self._layout.v1)
        mounts = dict.fromkeys(self._layout.v1[controller] for controller in sorted(needed, reverse=True))
        return Cgroup(
            f"{self._layout.v2}/{name}" if self._layout.v2 else None, tuple(f"{mount}/{name}" for mount in mounts)
        )

    def _check_controllers(self, resources: Resources) -> None:
        for name in resources.controllers():
            if name in self._layout.v1 and name in V1_CONTROLLERS:
                continue
            if name in self._layout.v2_controllers and name in V2_CONTROLLERS:
                continue
            raise NotSupported(
                f"cannot limit {name}: this host has no cgroup controller {name!r} that can be used",
                step="cgroup",
                hint="device rules on cgroup v2 come with a later version" if name == "devices" else None,
            )

    def _write_limits(self, cgroup: Cgroup, path: str, resources: Resources) -> None:
        for name in resources.controllers():
            if name in self._layout.v1:
                _write_all(f"{self._layout.v1[name]}/{path.strip('/')}", V1_CONTROLLERS[name](resources))
            elif cgroup.v2 and self._layout.v2:
                _enable(self._layout.v2, path, name)
                _write_all(cgroup.v2, V2_CONTROLLERS[name](resources))


def kill(cgroup: Cgroup) -> None:
    """Kill everything in the cgroup and below. Needs no free disk and no new process."""
    if cgroup.v2 and _write_if_there(f"{cgroup.v2}/cgroup.kill", "1"):
        return
    for _ in range(_ROUNDS):
        found = pids(cgroup)
        if not found:
            return
        for pid in found:
            _kill_member(cgroup, pid)


def _kill_member(cgroup: Cgroup, pid: int) -> None:
    """By pidfd, and only if the process is still in the cgroup once it is held (SECURITY R10)."""
    try:
        with Fd(os.pidfd_open(pid)) as pidfd:
            if pid in pids(cgroup):
                signal.pidfd_send_signal(pidfd.fileno(), signal.SIGKILL)
    except ProcessLookupError:
        return


def pids(cgroup: Cgroup) -> tuple[int, ...]:
    """Return the processes in the cgroup and below it, as this process numbers them."""
    found: set[int] = set()
    for directory, _folders, _files in os.walk(cgroup.paths[0]) if cgroup.paths else ():
        found.update(_read_pids(directory))
    return tuple(sorted(found))


def remove(cgroup: Cgroup) -> bool:
    """Remove the directories, the payload's own below first. Return False where one is still busy: try again."""
    return all(_remove_tree(path) for path in cgroup.paths)


def remove_wait(cgroup: Cgroup, *, timeout_s: float) -> None:
    """Remove, waiting for the kernel to let go of processes that just ended. Raises Unavailable after `timeout_s`."""
    deadline = time.monotonic() + timeout_s
    while not remove(cgroup):
        if time.monotonic() > deadline:
            raise Unavailable(f"cannot remove cgroup {cgroup.paths[0]!r}: still busy", step="cgroup", errno=errno.EBUSY)
        time.sleep(0.002)


def remove_parents(cgroup: Cgroup) -> None:
    """Remove the directories that were made above the cgroup, as far as they are empty."""
    _unmake(cgroup.parents)


def _remove_tree(path: str) -> bool:
    try:
        os.rmdir(path)
    except FileNotFoundError:
        return True
    except OSError as problem:
        if problem.errno not in (errno.EBUSY, errno.ENOTEMPTY):
            raise
    else:
        return True
    with os.scandir(path) as entries:
        below = [entry.path for entry in entries if entry.is_dir(follow_symlinks=False)]
    if not below or not all(_remove_tree(child) for child in below):
        return False
    return _remove_tree(path)


def _make(directory: str, made: list[str]) -> None:
    """Make a directory and its missing parents, and add those made to `made`, the outermost first.

    Whoever destroys the last container below a parent removes it: one that vanishes under us is made again. Then
    mkdir says ENOENT, or ENODEV in the moment in which the cgroup dies (kernfs).
    """
    for _ in range(_ATTEMPTS):
        try:
            for path in reversed(_missing(directory)):
                with contextlib.suppress(FileExistsError):
                    os.mkdir(path, 0o755)
                    made.append(path)
        except OSError as problem:
            if problem.errno not in (errno.ENOENT, errno.ENODEV):
                raise
        else:
            return
    raise BlockingIOError(errno.EAGAIN, f"parents of {directory} vanished {_ATTEMPTS} times")


def _missing(directory: str) -> list[str]:
    """Return the directory and its parents as far as they are missing, the innermost first."""
    missing = []
    while not os.path.isdir(directory):
        missing.append(directory)
        directory = os.path.dirname(directory)
    return missing


def _unmake(made: Sequence[str]) -> None:
    for path in reversed(made):
        try:
            os.rmdir(path)
        except OSError:
            continue  # another container has moved in below a parent that we made


def _enable(mount: str, path: str, controller: str) -> None:
    """Hand a v2 controller down to the cgroup, from the mount's root on (cgroup-v2.rst, "Top-down Constraint")."""
    directory = mount
    for name in path.strip("/").split("/"):
        with open(f"{directory}/cgroup.subtree_control", encoding="ascii") as file:
            enabled = file.read().split()
        if controller not in enabled:
            _write(f"{directory}/cgroup.subtree_control", f"+{controller}")
        directory = f"{directory}/{name}"


def _write_all(directory: str, values: tuple[FileValue, ...]) -> None:
    for value in values:
        _write(f"{directory}/{value.name}", value.text)


def _write(path: str, text: str) -> None:
    with Fd(os.open(path, os.O_WRONLY | os.O_CLOEXEC)) as file:
        os.write(file.fileno(), text.encode())


def _write_if_there(path: str, text: str) -> bool:
    try:
        _write(path, text)
    except FileNotFoundError:
        return False
    return True


def _populated(directory: str) -> bool:
    """Tell whether processes live in the cgroup or below it: all of them would be killed with the container."""
    return any(_read_pids(path) for path, _folders, _files in os.walk(directory))


def _read_pids(directory: str) -> tuple[int, ...]:
    try:
        with open(f"{directory}/cgroup.procs", encoding="ascii") as file:
            return tuple(map(int, file.read().split()))
    except OSError:
        return ()  # gone meanwhile, or a threaded cgroup, whose processes its parent lists


def _refused(path: str, problem: OSError) -> ContainerdError:
    hint = None
    if problem.errno == errno.EBUSY:
        hint = "a parent has processes of its own: on cgroup v2 only leaves may have them (no internal processes)"
    if problem.errno in (errno.EROFS, errno.EACCES, errno.EPERM):
        hint = "the cgroup file system is not writable for us: run as root, or with a delegated cgroup"
    return Unavailable(f"cannot make cgroup {path!r}: {problem.strerror}", step="cgroup", errno=problem.errno, hint=hint)
