"""Signals to a container of the library, and what it may use: limits and what tells of them."""

from __future__ import annotations

from containerd_py.errors import (
    Conflict,
    ContainerdError,
    OutOfSpace,
    Unavailable,
)
from containerd_py.light import signal
from containerd_py.light.dataclasses import replace
from containerd_py.runtime.cgroups import freezer, killing, members
from containerd_py.runtime.known import LIVE, Known

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from containerd_py.runtime.cgroups.cgroup import Cgroup
    from containerd_py.runtime.cgroups.manager import CgroupManager
    from containerd_py.runtime.cgroups.oom import OomWatch
    from containerd_py.runtime.cgroups.resources import Resources as Limits
    from containerd_py.runtime.cgroups.stats import Stats
    from containerd_py.runtime.spec.resources import Resources
    from containerd_py.runtime.timing import TimedStep


class Controlled(Known):
    """A container that may run."""

    def kill(self, number: int = signal.SIGKILL, *, everything: bool = False) -> None:
        """Send a signal to the payload, or to every process of the container. Raises Conflict when it has ended.

        Where the payload is not the first process of a pid namespace, others outlive it: SIGKILL is sent to all of them.
        """
        everything = everything or (number == signal.SIGKILL and self._shares_pids())
        if self.state().status not in LIVE or self._process is None:
            if everything and members.pids(self._state.cgroup):
                self._signal_all(number)
                return
            raise Conflict(f"cannot kill container {self._state.id!r}: it has ended", step="kill")
        if everything:
            self._signal_all(number)
        self._process.signal(number)

    def _shares_pids(self) -> bool:
        """What the document says; one that is damaged keeps nobody from killing all that there is."""
        try:
            namespaces = self._document["linux"]["namespaces"]
            return not any(each["type"] == "pid" and not each.get("path") for each in namespaces)
        except (ContainerdError, OSError, LookupError, TypeError, AttributeError):
            return True

    def _signal_all(self, number: int) -> None:
        if number == signal.SIGKILL:
            killing.kill(self._state.cgroup)
        else:
            killing.signal_all(self._state.cgroup, number)

    def pause(self) -> None:
        """Stop every process of the container where it is.

        Raises Conflict unless it waits for its start or runs; NotSupported, Unavailable.
        """
        with self._directory.locked():
            self._check("pause", "created", "running")
            freezer.freeze(self._state.cgroup)

    def resume(self) -> None:
        """Let the processes of a paused container go on. Raises Conflict unless paused."""
        with self._directory.locked():
            self._check("resume", "paused")
            freezer.thaw(self._state.cgroup)

    def update(self, resources: Resources) -> None:
        """Change limits, live; those that are not named stay. Raises InvalidArgument, NotSupported, Conflict."""
        from containerd_py.runtime.cgroups.normalise import normalise

        with self._directory.locked():
            self._check("update", *LIVE)
            before = self._state.cgroup
            cgroup = self._limited(before, normalise(resources))
            self._state = replace(self._directory.read(), cgroup=cgroup, kept=self._kept_anew(cgroup, resources))
            try:
                self._directory.write(self._state)
            except (OutOfSpace, Unavailable):  # the limits are in force; only hierarchies that it has joined must be known
                if (cgroup.paths, cgroup.parents) != (before.paths, before.parents):
                    raise

    def share(self, asked: Mapping[str, str]) -> None:
        """Change the share of caches and memory bandwidth, live. asked: fields of linux.intelRdt, as the document has them.

        A container without a class of service gets its own, as one that was made with these fields.
        Raises NotSupported where resctrl is not mounted, InvalidArgument, Conflict, Unavailable; then all is as before.
        """
        from containerd_py.runtime.intel_rdt import find_resctrl
        from containerd_py.runtime.sharing import share

        with self._directory.locked():
            self._check("update", *LIVE)
            share(self._directory, self._directory.read(), asked, find_resctrl())

    def _limited(self, cgroup: Cgroup, limits: Limits) -> Cgroup:
        if not cgroup.scope:
            return cgroup_manager().update(cgroup, limits)
        from containerd_py.runtime import scopes
        from containerd_py.runtime.host import probe

        return scopes.update(cgroup, limits, probe().cgroups)

    def _kept_anew(self, cgroup: Cgroup, resources: Resources) -> dict[str, Any]:
        from containerd_py.runtime import kept
        from containerd_py.runtime.host import probe

        before = self._state.kept
        if not before:  # schema 1
            return before
        config = before["config"]
        limits = config["cgroups"] | kept.limits(resources)
        return before | {
            "cgroup_paths": kept.cgroup_paths(cgroup, probe().cgroups),
            "config": config | {"cgroups": limits},
        }

    def stats(self) -> Stats:
        """Return what it uses. Raises Conflict where it has ended."""
        from containerd_py.runtime.cgroups.stats import collect

        self._check("measure", *LIVE)
        return collect(self._state.cgroup)

    def oom(self) -> OomWatch:
        """Return what tells when a process is killed for want of memory. Raises Conflict where it has ended."""
        from containerd_py.runtime.cgroups.oom import OomWatch

        self._check("watch", *LIVE)
        return OomWatch(self._state.cgroup)

    def timeline(self) -> tuple[TimedStep, ...]:
        """Return the time that each step of its making and its start took; nothing where it was not recorded."""
        from containerd_py.runtime import timing

        return timing.timeline(self.state().kept, self._directory.plan())

    def processes(self) -> tuple[int, ...]:
        """Return the container's processes as this process numbers them."""
        found = members.pids(self._state.cgroup)
        return found or ((self._state.pid,) if self.state().pid else ())


def cgroup_manager() -> CgroupManager:
    from containerd_py.runtime.cgroups.manager import CgroupManager
    from containerd_py.runtime.host import probe

    return CgroupManager(probe().cgroups)
