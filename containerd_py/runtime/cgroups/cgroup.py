"""Where a container's cgroup lies, and the descriptors by which a process gets into it."""

from __future__ import annotations

import os

from containerd_py.light.dataclasses import dataclass, field
from containerd_py.runtime.linux.fd import Fd

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Self


@dataclass(frozen=True)
class Cgroup:
    """Absolute directories; `v2` for killing, freezing and birth, `v1` for the rest.

    Without any, it is the cgroup of a container that has none of its own: nothing can be limited or found by it, and every
    function of this package does nothing with it.

    parents: the directories above it that were made for it, each after the one that it lies in.
    scope: the unit of systemd's that it is, which removes it at its end; "" where it is none.
    """

    v2: str | None
    v1: tuple[str, ...]
    parents: tuple[str, ...] = field(default=(), compare=False)
    scope: str = field(default="", compare=False)

    @property
    def paths(self) -> tuple[str, ...]:
        return ((self.v2,) if self.v2 else ()) + self.v1

    def holding(self, name: str) -> str | None:
        """Return the directory that has the control file `name`: its controller's hierarchy. None where none has."""
        return next((path for path in self.paths if os.path.exists(f"{path}/{name}")), None)


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
