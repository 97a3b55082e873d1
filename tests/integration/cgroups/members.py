"""Processes of the test's own in a cgroup of the test's own."""

import ctypes
import os
import signal
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from containerd_py.runtime.cgroups import killing
from containerd_py.runtime.cgroups.cgroup import Cgroup
from containerd_py.runtime.cgroups.directories import remove_parents, remove_wait
from containerd_py.runtime.cgroups.manager import CgroupManager
from containerd_py.runtime.cgroups.resources import Resources

FAILED = 99
Work = Callable[[], int | None]


@dataclass
class Room:
    """One cgroup, its manager, and the children that were put in; a context manager that ends and removes all."""

    manager: CgroupManager
    path: str
    cgroup: Cgroup = field(init=False, default=Cgroup(None, ()))
    children: list[int] = field(default_factory=list)

    def make(self, resources: Resources) -> Cgroup:
        self.cgroup = self.manager.create(self.path, resources)
        return self.cgroup

    def update(self, resources: Resources) -> None:
        self.cgroup = self.manager.update(self.cgroup, resources)

    def read(self, name: str) -> str:
        """Return the content of a control file, from the hierarchy that has it."""
        directory = self.cgroup.holding(name)
        assert directory is not None, f"no cgroup has {name}"
        with open(f"{directory}/{name}", encoding="utf-8") as file:
            return file.read().strip()

    def start(self, work: Work) -> int:
        """Run `work` in a child that is in the cgroup; it exits with what that returns. Returns its pid."""
        child = os.fork()
        if child == 0:
            code = FAILED
            try:
                _die_with_parent()
                for directory in self.cgroup.paths:
                    name = "tasks" if directory in self.cgroup.v1 else "cgroup.procs"
                    with open(f"{directory}/{name}", "w", encoding="ascii") as file:
                        file.write("0")
                code = work() or 0
            except BaseException:  # the child must never go on with the tests
                traceback.print_exc()
            finally:
                os._exit(code)
        self.children.append(child)
        return child

    def finish(self, child: int) -> int:
        """Wait for a child; return its exit code, negative for a signal."""
        self.children.remove(child)
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

    def run(self, work: Work) -> int:
        return self.finish(self.start(work))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _problem: BaseException | None, _trace: TracebackType | None
    ) -> None:
        killing.kill(self.cgroup)
        for child in tuple(self.children):
            os.kill(child, signal.SIGKILL)  # ours, and not waited for yet
            self.finish(child)
        remove_wait(self.cgroup, timeout_s=5)
        remove_parents(self.cgroup)


def _die_with_parent() -> None:
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG: a hog never outlives the tests
