"""What the use cases share: built once by `Engine`, handed to each."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from containerd_py.engine.attendant import Attendant
from containerd_py.engine.output import OutputLog

if TYPE_CHECKING:
    from containerd_py.engine.containers import Container, Registry
    from containerd_py.engine.events import EventLog
    from containerd_py.engine.spawner import SpawnerLink
    from containerd_py.engine.tasks import Tasks
    from containerd_py.runtime.cgroups.manager import CgroupManager
    from containerd_py.runtime.host import HostFeatures
    from containerd_py.store.containers import ContainerStore


@dataclass(frozen=True, slots=True)
class Parts:
    """cgroup_parent: "/name", the cgroup below which this daemon's containers are, and nobody else's."""

    registry: Registry
    store: ContainerStore
    link: SpawnerLink
    cgroups: CgroupManager
    events: EventLog
    tasks: Tasks
    host: HostFeatures
    data_dir: str
    cgroup_parent: str

    def attendant(self, container: Container, pid: int) -> Attendant:
        return Attendant(container, self.store.directory(container.id), pid)

    def output_log(self, container_id: str, *, lost: int = 0) -> OutputLog:
        return OutputLog(os.path.join(self.data_dir, "containers", container_id), lost=lost)

    def exec_log(self, exec_id: str, *, lost: int = 0) -> OutputLog:
        return OutputLog(os.path.join(self.data_dir, "execs", exec_id), lost=lost)
