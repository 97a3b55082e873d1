"""All that a scope is told: what it is, and the resources of its container."""

from __future__ import annotations

from containerd_py.light.dataclasses import dataclass
from containerd_py.runtime.cgroups.systemd import cpu, cpuset, devices, io, memory, pids, unified
from containerd_py.runtime.cgroups.systemd.property import UNLIMITED, Property, Target

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from containerd_py.runtime.cgroups.resources import Read, Resources

    Translation = Callable[[Resources, Target, Read], Iterable[Property]]

CONTROLLERS: dict[str, Translation] = {
    "cpu": cpu.properties,
    "cpuset": cpuset.properties,
    "memory": memory.properties,
    "pids": pids.properties,
    "blkio": io.properties,
    "devices": devices.properties,
}
"""By the controller's name in `Resources.controllers()`. For the others systemd has no properties: they are files only."""

_ACCOUNTING = ("CPUAccounting", "IOAccounting", "MemoryAccounting", "TasksAccounting")


@dataclass(frozen=True)
class Scope:
    """name: of the unit; slice: the one that it lies in.

    default_dependencies: systemd stops it when the host is shut down, before what it comes `after`.
    before: what systemd stops first, where it stops both.
    stop_signal, stop_timeout_us: how systemd stops it, where somebody asks for that; None: systemd's own way.
    annotated: what the document asks for besides; it goes before all others.
    """

    name: str
    slice: str
    description: str
    default_dependencies: bool = False
    after: tuple[str, ...] = ()
    before: tuple[str, ...] = ()
    stop_signal: int | None = None
    stop_timeout_us: int | None = None
    annotated: tuple[Property, ...] = ()


def of_scope(scope: Scope) -> Iterator[Property]:
    """Yield what every scope is told but its processes.

    Delegated, so that its container may have cgroups below and systemd leaves them alone; that also has an out-of-memory
    kill cost no more than the process (OOMPolicy= is "continue" then). Without TasksMax the host's DefaultTasksMax= would
    limit a container that asked for no limit.
    """
    yield Property("Description", "s", scope.description)
    yield Property("Slice", "s", scope.slice)
    yield Property("Delegate", "b", value=True)
    yield Property("CollectMode", "s", "inactive-or-failed")
    yield Property("DefaultDependencies", "b", scope.default_dependencies)
    for name in _ACCOUNTING:
        yield Property(name, "b", value=True)
    yield Property("TasksMax", "t", UNLIMITED)
    if scope.after:
        yield Property("After", "as", list(scope.after))
    if scope.before:
        yield Property("Before", "as", list(scope.before))
    if scope.stop_signal is not None:
        yield Property("KillSignal", "i", scope.stop_signal)
    if scope.stop_timeout_us is not None:
        yield Property("TimeoutStopUSec", "t", scope.stop_timeout_us)


def of_resources(
    resources: Resources, version: int, v1: frozenset[str], read: Callable[[str], Read]
) -> tuple[Property, ...]:
    """Return what systemd can hold of the resources.

    version: of systemd; v1: the controllers that are bound to cgroup v1; read: of a controller's cgroup as it is, which has
    no files as long as it is to be made. `unified` comes last, as its files do. Raises NotSupported, InvalidArgument.
    """
    found = [
        one
        for name in resources.controllers()
        if name in CONTROLLERS
        for one in CONTROLLERS[name](resources, Target(version, unified=name not in v1), read(name))
    ]
    return merged(found, unified.properties(resources, Target(version, unified=True)))


def merged(*parts: Iterable[Property]) -> tuple[Property, ...]:
    """Return properties of several origins, each once: what comes later counts."""
    return tuple({one.name: one for part in parts for one in part}.values())
