"""What the use cases share: built once by `Engine`, handed to each."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from containerd_py.engine.attendant import Attendant
from containerd_py.engine.credentials import Credentials
from containerd_py.engine.journaling import WAITING
from containerd_py.engine.output import TRANSIENT, UNLIMITED, Limits, OutputLog
from containerd_py.engine.removed import Keep
from containerd_py.engine.reserve import Reserve
from containerd_py.journal_entry import SOCKET
from containerd_py.light.dataclasses import dataclass, field

if TYPE_CHECKING:
    from containerd_py.engine.cgroup_drivers import CgroupDrivers
    from containerd_py.engine.containers import Container, Registry
    from containerd_py.engine.definitions import Definitions
    from containerd_py.engine.events import EventLog
    from containerd_py.engine.exec_registry import ExecRegistry
    from containerd_py.engine.journaling import Journaling
    from containerd_py.engine.removed import Removed
    from containerd_py.engine.spawner import SpawnerLink
    from containerd_py.engine.tasks import Tasks
    from containerd_py.runtime.cgroups.manager import CgroupManager
    from containerd_py.runtime.host import HostFeatures
    from containerd_py.store.containers import ContainerStore
    from containerd_py.store.records import ContainerRecord
    from containerd_py.store.removed import RemovedRecord


@dataclass(frozen=True)
class OutputSettings:
    """limits: of a log, where the container says nothing else. keep: of containers that are removed."""

    limits: Limits = UNLIMITED
    keep: Keep = field(default_factory=Keep)
    journal_socket: str = SOCKET


@dataclass(frozen=True)
class DeclaredSettings:
    """directory: of declared containers, None where none is looked at. credentials: what those may be given."""

    directory: str | None = None
    credentials: Credentials = field(default_factory=Credentials)


@dataclass(frozen=True)
class Parts:
    """cgroups: control files, whoever makes the cgroups: that are the drivers.

    log_limits: of the output of execs, and of containers that have none of their own.
    """

    registry: Registry
    execs: ExecRegistry
    store: ContainerStore
    definitions: Definitions
    link: SpawnerLink
    cgroups: CgroupManager
    drivers: CgroupDrivers
    events: EventLog
    tasks: Tasks
    journal: Journaling
    removed: Removed
    host: HostFeatures
    state_dir: str
    data_dir: str
    log_limits: Limits = UNLIMITED
    reserve: Reserve = field(default_factory=Reserve)

    def attendant(self, container: Container, pid: int) -> Attendant:
        return Attendant(container, self.store.directory(container.id), pid)

    def output_log(self, container_id: str, record: ContainerRecord) -> OutputLog:
        """What is not to be kept is never on a disk: the state directory is in memory, where it is below /run."""
        kept, transient = self.output_places()
        directory = os.path.join(transient if record.log_driver == "none" else kept, container_id)
        return OutputLog(directory, lost=record.lost_output_bytes, limits=self._limits(record))

    def undeleted(self, removed: RemovedRecord) -> str | None:
        """Return where the output of a container belongs that is there yet, though a deletion of it was begun."""
        created_at = self.store.created_at(removed.id)
        if created_at is None or created_at > removed.removed_at:  # another one has its id
            return None
        return os.path.join(self.output_places()[0], removed.id)

    def output_places(self) -> tuple[str, str]:
        """Return the directories below which output is: what is kept, and what is for attached clients alone."""
        return os.path.join(self.data_dir, "containers"), os.path.join(self.state_dir, "transient")

    def _limits(self, record: ContainerRecord) -> Limits:
        if record.log_driver == "none":
            return TRANSIENT
        usual = WAITING if record.log_driver == "journald" else self.log_limits
        size, files = record.log_max_bytes, record.log_max_files
        return Limits(usual.max_bytes if size is None else size, usual.max_files if files is None else files)

    def exec_log(self, exec_id: str, *, lost: int = 0) -> OutputLog:
        return OutputLog(os.path.join(self.data_dir, "execs", exec_id), lost=lost, limits=self.log_limits)
