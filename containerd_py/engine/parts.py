"""What the use cases share: built once by `Engine`, handed to each."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from containerd_py.engine.output import OutputLog
from containerd_py.runtime.state import State

if TYPE_CHECKING:
    from containerd_py.engine.containers import Registry
    from containerd_py.engine.events import EventLog
    from containerd_py.engine.spawner import SpawnerLink
    from containerd_py.engine.tasks import Tasks
    from containerd_py.runtime.cgroups.manager import CgroupManager
    from containerd_py.runtime.host import HostFeatures
    from containerd_py.runtime.spec.models import Spec
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

    def oci_state(self, container_id: str, status: str, pid: int, spec: Spec) -> State:
        """Return a container's state as hooks get it; its bundle is its own directory, where config.json lies."""
        return State(container_id, status, pid, self.store.directory(container_id), dict(spec.annotations))

    def output_log(self, container_id: str, *, lost: int = 0) -> OutputLog:
        return OutputLog(os.path.join(self.data_dir, "containers", container_id), lost=lost)
