"""The table of executors, and what they share while a Plan is carried out."""

from __future__ import annotations

import os
import stat

from containerd_py.light.dataclasses import dataclass, field
from containerd_py.runtime.linux.fd import Fd
from containerd_py.runtime.linux.mounts import attach, clone_tree
from containerd_py.runtime.linux.paths import NO_RESTRICTION, Resolve

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, TypeVar

    from containerd_py.light import socket
    from containerd_py.runtime.plan.operations import Operation

    OperationType = TypeVar("OperationType", bound=Operation)
    Executor = Callable[["Context", Any], None]

_NULL = os.makedev(1, 3)


class StepFailed(Exception):
    """A step that failed for a reason of our own finding; `errno` names the nearest error of the kernel."""

    def __init__(self, errno: int, text: str) -> None:
        super().__init__(text)
        self.errno = errno


@dataclass
class Stencil:
    """A detached mount that is attached in several places: first itself, then clones of where it is.

    Kernels before 6.15 refuse to clone a mount that is in no namespace.
    """

    tree: Fd
    attached: bool = False

    def put(self, target: int) -> None:
        if not self.attached:
            attach(self.tree.fileno(), target)
            self.attached = True
            return
        with clone_tree(self.tree.fileno(), "", recursive=False) as copy:
            attach(copy.fileno(), target)


@dataclass
class Context:
    """The worker's state between steps. handles: descriptors that the parent passed, by name; control: the dialogue's."""

    handles: dict[str, int]
    control: socket.socket
    root: Fd | None = None
    entered: bool = False
    """True where the root is that of a container that runs already."""
    trees: dict[int, Fd] = field(default_factory=dict)
    procfs: Fd | None = None
    devpts: Fd | None = None
    null: Stencil | None = None
    empty: Stencil | None = None
    terminal_master: Fd | None = None
    terminal: Fd | None = None
    directory: str = ""
    program: str = ""
    home: str | None = None
    signals_reset: bool = False
    started: bool = False
    covered: dict[tuple[int, int], str] = field(default_factory=dict)
    """What mounts would hide below the root, by device and inode, where there are no mounts."""

    def root_fd(self) -> int:
        if self.root is None:
            raise StepFailed(2, "the plan has no root yet")
        return self.root.fileno()

    def take_tree(self, key: int) -> Fd:
        """Return a tree that CloneTree took, or that the parent passed; it is the caller's now."""
        return self.trees.pop(key) if key in self.trees else self.take_handle(f"tree{key}")

    def take_handle(self, name: str) -> Fd:
        """Return what the parent passed; it is the caller's now."""
        if name not in self.handles:
            raise StepFailed(9, f"the parent did not pass {name}")
        return Fd(self.handles.pop(name))

    def put_away(self) -> None:
        """Close what only the making of the root needs: what waits for its start holds nothing of the host's."""
        for stencil in (self.null, self.empty):
            if stencil is not None:
                stencil.tree.close()
        if self.devpts is not None:
            self.devpts.close()
        self.null = self.empty = self.devpts = None

    def procfs_fd(self) -> int:
        if self.procfs is None:
            raise StepFailed(2, "the plan has opened no procfs")
        return self.procfs.fileno()


EXECUTORS: dict[type[Operation], Executor] = {}


def executes(
    kind: type[OperationType],
) -> Callable[[Callable[[Context, OperationType], None]], Callable[[Context, OperationType], None]]:
    """Register a function as the executor of one kind of operation."""

    def register(function: Callable[[Context, OperationType], None]) -> Callable[[Context, OperationType], None]:
        EXECUTORS[kind] = function
        return function

    return register


def restriction_for(path: str) -> Resolve:
    """Below /proc, /sys and /dev nothing of ours is a symlink (SECURITY R5): whoever put one there is an attacker."""
    top = path.lstrip("/").split("/", 1)[0]
    return Resolve.NO_SYMLINKS if top in ("proc", "sys", "dev") else NO_RESTRICTION


def check_null(fd: int) -> None:
    """Raise StepFailed unless `fd` is the null device."""
    found = os.fstat(fd)
    if not stat.S_ISCHR(found.st_mode) or found.st_rdev != _NULL:
        raise StepFailed(19, "/dev/null is not the null device")
