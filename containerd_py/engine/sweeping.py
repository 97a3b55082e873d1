"""What an earlier daemon has left of containers that nobody knows any more: cgroups and output."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import structlog

from containerd_py.engine.output import OutputLog
from containerd_py.errors import ContainerdError
from containerd_py.light.dataclasses import replace
from containerd_py.runtime.cgroups.destroying import destroy

if TYPE_CHECKING:
    from collections.abc import Iterable

    from containerd_py.engine.cgroup_drivers import CgroupDriver
    from containerd_py.engine.parts import Parts
    from containerd_py.runtime.cgroups.manager import Cgroup

_log = structlog.get_logger()


class Sweeping:
    """All of it blocks."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def sweep(self) -> None:
        """Remove cgroups and output of containers that no record knows, not even that of one which is being undone."""
        for driver in self._parts.drivers.all:
            for name in self._parts.cgroups.children(driver.parent):
                container_id = driver.container_of(name)
                if container_id is not None and self._parts.registry.holder(container_id) is None:
                    _log.info("removing a cgroup without a container", name=name)
                    self.remove_cgroup(found(self._parts, driver, name))
        for place in self._parts.output_places():
            for name in _folders(place):
                if self._parts.registry.holder(name) is None and not self._parts.definitions.has(name):
                    _remove_output(OutputLog(os.path.join(place, name)))
        for name in _folders(os.path.join(self._parts.data_dir, "execs")):
            if name not in self._parts.execs:
                _remove_output(self._parts.exec_log(name))

    def remove_cgroup(self, cgroup: Cgroup) -> None:
        try:
            destroy(cgroup)
        except (OSError, ContainerdError) as problem:
            _log.warning("cannot remove cgroup", cgroup=cgroup.paths, error=str(problem))


def found(parts: Parts, driver: CgroupDriver, name: str) -> Cgroup:
    """Return the cgroup of a name in the parent of a driver."""
    return replace(parts.cgroups.everywhere(f"{driver.parent}/{name}"), scope=name if name.endswith(".scope") else "")


def _remove_output(log: OutputLog) -> None:
    """What cannot be removed costs its room on the disk only."""
    try:
        log.remove()
    except OSError as problem:
        _log.warning("cannot remove output that is no container's", directory=log.directory, error=problem.strerror)


def _folders(path: str) -> Iterable[str]:
    """Return the names of the directories in one; what else is there is not ours."""
    try:
        with os.scandir(path) as entries:
            return sorted(entry.name for entry in entries if entry.is_dir(follow_symlinks=False))
    except FileNotFoundError:
        return ()
