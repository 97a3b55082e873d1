"""How a worker of the library comes into its container's cgroup: made by us, or as a scope of systemd's."""

from __future__ import annotations

import os

from containerd_py.light.dataclasses import replace
from containerd_py.runtime.cgroups.directories import missing_parents
from containerd_py.runtime.cgroups.manager import CgroupManager
from containerd_py.typed import Protocol

TYPE_CHECKING = False
if TYPE_CHECKING:
    from containerd_py.runtime.cgroups.cgroup import Cgroup
    from containerd_py.runtime.cgroups.layout import Layout
    from containerd_py.runtime.cgroups.resources import Resources
    from containerd_py.runtime.launcher import Worker


class Membership(Protocol):
    """The parts of a creation that differ, in the order in which they are done."""

    def check(self) -> None:
        """Raise for what cannot be had; nothing is made."""

    def intended(self) -> Cgroup:
        """Return the cgroup that is going to be made, with the parents that are to be removed with it."""

    def make(self) -> Cgroup: ...
    def entered(self, cgroup: Cgroup) -> Cgroup:
        """Return the directories that the worker is born in, or enters by itself."""

    def begin(self, worker: Worker) -> None:
        """Have everything else done, while the worker is at work."""

    def wait(self, cgroup: Cgroup, pid: int) -> Cgroup:
        """Return the cgroup once the process is in it, with all its limits."""

    def close(self) -> None: ...


class OwnCgroup:
    """Made by us before there is a worker."""

    def __init__(self, layout: Layout, path: str, limits: Resources, *, ours: bool, joined: tuple[str, ...]) -> None:
        """ours: its parent is nobody else's, and goes when nothing is left in it. joined: see `CgroupManager.locate`."""
        self._cgroups = CgroupManager(layout)
        self._path = path
        self._limits = limits
        self._ours = ours
        self._joined = joined

    def check(self) -> None:
        self._cgroups.check(self._limits)

    def intended(self) -> Cgroup:
        cgroup = self._cgroups.locate(self._path, self._limits, joined=self._joined)
        return replace(cgroup, parents=self._parents(cgroup) if self._ours else missing_parents(cgroup))

    def make(self) -> Cgroup:
        cgroup = self._cgroups.create(self._path, self._limits, joined=self._joined)
        return replace(cgroup, parents=self._parents(cgroup)) if self._ours else cgroup

    def _parents(self, cgroup: Cgroup) -> tuple[str, ...]:
        return tuple(map(os.path.dirname, cgroup.paths))

    def entered(self, cgroup: Cgroup) -> Cgroup:
        return cgroup

    def begin(self, worker: Worker) -> None:
        pass

    def wait(self, cgroup: Cgroup, pid: int) -> Cgroup:
        return cgroup

    def close(self) -> None:
        pass
