"""How the engine is put together: what the use cases share, and the use cases. Constructors store; `begin` acts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from containerd_py.engine.auto_removal import AutoRemoval
from containerd_py.engine.cgroup_drivers import CgroupDrivers, CgroupfsDriver
from containerd_py.engine.containers import Registry
from containerd_py.engine.creation import Creation
from containerd_py.engine.declaring import Declaring
from containerd_py.engine.definitions import Definitions
from containerd_py.engine.events import EventLog
from containerd_py.engine.exec_lifecycle import ExecLifecycle
from containerd_py.engine.exec_recovery import ExecRecovery
from containerd_py.engine.exec_registry import ExecRegistry
from containerd_py.engine.fd_store import FdStore
from containerd_py.engine.handover import Handover
from containerd_py.engine.health.watching import Health
from containerd_py.engine.journal import Journal
from containerd_py.engine.journaling import Journaling
from containerd_py.engine.lifecycle import Lifecycle
from containerd_py.engine.machines import Machines
from containerd_py.engine.notify.listening import Listening
from containerd_py.engine.parts import DeclaredSettings, OutputSettings, Parts
from containerd_py.engine.pulse import Pulse
from containerd_py.engine.recovery import Recovery
from containerd_py.engine.removed import Removed
from containerd_py.engine.scope_ends import ScopeEnds
from containerd_py.engine.scopes import SystemdDriver
from containerd_py.engine.self_measuring import SelfMeasuring
from containerd_py.engine.service_manager import ServiceManager
from containerd_py.engine.shutting_down import ShuttingDown
from containerd_py.engine.spawner import SpawnerLink
from containerd_py.engine.supervision import Supervision
from containerd_py.engine.tasks import Tasks
from containerd_py.light.dataclasses import dataclass, field
from containerd_py.runtime import host
from containerd_py.runtime.cgroups.manager import CgroupManager
from containerd_py.store.containers import ContainerStore
from containerd_py.store.definitions import DefinitionStore
from containerd_py.store.events import EventStore
from containerd_py.store.removed import RemovedStore

if TYPE_CHECKING:
    from collections.abc import Callable

    from containerd_py.engine.cgroup_drivers import Choice
    from containerd_py.runtime.host import HostFeatures
    from containerd_py.runtime.linux.pidfd import WaitStatus


@dataclass(frozen=True, kw_only=True)
class EngineSettings:
    """cgroup_parent: "/name", the cgroup below which this daemon's containers are, and nobody else's."""

    state_dir: str
    data_dir: str
    cgroup_parent: str
    cgroup_driver: Choice = "cgroupfs"
    machined: bool = False
    output: OutputSettings = field(default_factory=OutputSettings)
    declared: DeclaredSettings = field(default_factory=DeclaredSettings)


def make_parts(
    settings: EngineSettings,
    fd_store: FdStore | None,
    *,
    on_exit: Callable[[str, WaitStatus], None],
    on_lost: Callable[[], None],
) -> Parts:
    """on_exit, on_lost: told of the end of a container or exec, and of the spawner's."""
    features, registry, tasks = host.probe(), Registry(), Tasks()
    cgroups = CgroupManager(features.cgroups)
    store = fd_store or FdStore(ServiceManager())
    return Parts(
        registry=registry,
        execs=ExecRegistry(),
        store=ContainerStore(settings.state_dir),
        definitions=Definitions(DefinitionStore(settings.data_dir)),
        link=SpawnerLink(settings.state_dir, store, on_exit=on_exit, on_lost=on_lost),
        cgroups=cgroups,
        drivers=_drivers(settings, features, cgroups, tasks),
        events=EventLog(store=EventStore(settings.state_dir), labels_of=registry.labels),
        tasks=tasks,
        journal=Journaling(Journal(settings.output.journal_socket), tasks),
        removed=Removed(RemovedStore(settings.state_dir, settings.data_dir), settings.output.keep, tasks),
        host=features,
        state_dir=settings.state_dir,
        data_dir=settings.data_dir,
        log_limits=settings.output.limits,
    )


def _drivers(settings: EngineSettings, features: HostFeatures, cgroups: CgroupManager, tasks: Tasks) -> CgroupDrivers:
    async def reach(slice_name: str) -> SystemdDriver:
        driver = SystemdDriver(features.cgroups, cgroups, slice_name, tasks)
        await driver.reach()
        return driver

    files = CgroupfsDriver(cgroups, features.cgroups, settings.cgroup_parent)
    return CgroupDrivers(settings.cgroup_driver, files, features.cgroups, reach)


class UseCases:
    """What is done to containers, by request and by itself. `begin` once all containers are back."""

    def __init__(self, parts: Parts, settings: EngineSettings) -> None:
        """The order counts: whoever is made earlier is told earlier of a container's end."""
        self.execs = ExecLifecycle(parts)
        self.lifecycle = Lifecycle(parts, self.execs)
        self.creation = Creation(parts, self.lifecycle)
        exec_recovery = ExecRecovery(parts, self.execs)
        self.recovery = Recovery(parts, self.lifecycle, exec_recovery)
        self.handover = Handover(parts, self.lifecycle, exec_recovery)
        self.supervision = Supervision(parts, self.lifecycle)
        self._health = Health(parts, self.lifecycle, self.supervision, self.execs)
        self._listening = Listening(parts, self.lifecycle)
        self._auto_removal = AutoRemoval(parts, self.lifecycle)
        self.declaring = Declaring(parts, self.lifecycle, self.creation, self.supervision, settings.declared)
        self._scope_ends = ScopeEnds(parts, self.lifecycle)
        self._machines = Machines(parts, self.lifecycle, wanted=settings.machined)
        self.shutting_down = ShuttingDown(parts, self.lifecycle, self.supervision)
        self.self_measuring = SelfMeasuring(parts)
        self.pulse = Pulse(parts.link, parts.tasks)

    async def begin(self, *, shutting_down: bool) -> None:
        """shutting_down: nothing is to be started."""
        self._scope_ends.begin()
        self._machines.begin()
        if not shutting_down:
            await self.supervision.begin()
        self._health.begin()
        self._listening.begin()
        self._auto_removal.begin()
        self.self_measuring.begin()

    def close(self) -> None:
        self.self_measuring.close()
        self.supervision.close()
        self._health.close()
        self._listening.close()
        self._auto_removal.close()
        self.pulse.close()
