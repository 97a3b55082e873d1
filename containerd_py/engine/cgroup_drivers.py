"""Who makes the cgroups of containers: we, by cgroupfs, or systemd, as scopes. Chosen when the daemon starts."""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING, Literal, Protocol

import structlog

from containerd_py.errors import ContainerdError, InvalidArgument, NotSupported
from containerd_py.runtime.cgroups.normalise import normalise
from containerd_py.runtime.cgroups.systemd.annotated import check_none
from containerd_py.runtime.cgroups.systemd.names import below, check_slice

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from containerd_py.engine.containers import Container
    from containerd_py.runtime.cgroups.cgroup import Cgroup
    from containerd_py.runtime.cgroups.layout import Layout
    from containerd_py.runtime.cgroups.manager import CgroupManager
    from containerd_py.runtime.cgroups.resources import Resources
    from containerd_py.runtime.spec.models import Spec

_log = structlog.get_logger()

Choice = Literal["auto", "systemd", "cgroupfs"]


class CgroupDriver(Protocol):
    @property
    def name(self) -> str:
        """As people are shown it."""
        ...

    @property
    def parent(self) -> str:
        """The path of the cgroup below which this daemon's containers are, and nobody else's."""
        ...

    def check(self, spec: Spec) -> None:
        """Raises for limits, and for a place, that cannot be had; nothing is made."""
        ...

    def locate(self, spec: Spec, container_id: str) -> Cgroup: ...
    def check_free(self, spec: Spec, container_id: str, cgroup: Cgroup) -> None:
        """Blocking. Raises Conflict where processes live there already."""
        ...

    def make(self, spec: Spec, container_id: str, cgroup: Cgroup) -> None:
        """Blocking. Make what the worker is born in, or enters itself."""
        ...

    def join(self, container: Container, spec: Spec, pid: int) -> Awaitable[Cgroup] | None:
        """Have a worker put into its cgroup meanwhile; None where it was born there."""
        ...

    def joining(self, cgroup: Cgroup, resources: Resources) -> Cgroup: ...
    async def update(self, cgroup: Cgroup, resources: Resources) -> None: ...
    def container_of(self, name: str) -> str | None:
        """Return the id of the container that a cgroup in `parent` is for; None for what we have not made."""
        ...

    async def close(self, *, used: bool) -> None:
        """used: containers are left."""
        ...


class CgroupfsDriver:
    def __init__(self, cgroups: CgroupManager, layout: Layout, parent: str) -> None:
        self._cgroups = cgroups
        self.name = layout.driver()
        self.parent = parent

    def check(self, spec: Spec) -> None:
        check_none(spec.annotations)
        self._cgroups.check(normalise(spec.linux.resources))

    def locate(self, spec: Spec, container_id: str) -> Cgroup:
        return self._cgroups.locate(self._path(spec, container_id), normalise(spec.linux.resources))

    def check_free(self, spec: Spec, container_id: str, cgroup: Cgroup) -> None:
        self._cgroups.check_free(self._path(spec, container_id), cgroup)

    def make(self, spec: Spec, container_id: str, cgroup: Cgroup) -> None:
        self._cgroups.create(self._path(spec, container_id), normalise(spec.linux.resources))

    def join(self, container: Container, spec: Spec, pid: int) -> None:
        return None

    def joining(self, cgroup: Cgroup, resources: Resources) -> Cgroup:
        return self._cgroups.joining(cgroup, resources)

    async def update(self, cgroup: Cgroup, resources: Resources) -> None:
        await asyncio.to_thread(self._cgroups.update, cgroup, resources)

    def container_of(self, name: str) -> str | None:
        return name

    async def close(self, *, used: bool) -> None:
        if not used:
            await asyncio.to_thread(self._cgroups.remove_empty, self.parent)

    def _path(self, spec: Spec, container_id: str) -> str:
        return spec.linux.cgroups_path or f"{self.parent}/{container_id}"


class CgroupDrivers:
    """`choose` before use. reach: connects to systemd, and returns the driver that makes scopes in a slice."""

    def __init__(
        self, choice: Choice, files: CgroupfsDriver, layout: Layout, reach: Callable[[str], Awaitable[CgroupDriver]]
    ) -> None:
        self._choice = choice
        self._files = files
        self._layout = layout
        self._reach = reach
        self._scopes: CgroupDriver | None = None

    @property
    def current(self) -> CgroupDriver:
        """The one of containers that are made from now on."""
        return self._scopes or self._files

    @property
    def all(self) -> tuple[CgroupDriver, ...]:
        return (self._files,) if self._scopes is None else (self._files, self._scopes)

    def of(self, cgroup: Cgroup) -> CgroupDriver:
        """Return the one that has made a cgroup. Raises NotSupported for a scope, where this daemon makes none."""
        if not cgroup.scope:
            return self._files
        if self._scopes is None:
            raise NotSupported(
                f"cannot change {cgroup.scope!r}: systemd has made it, and this daemon does not speak with systemd",
                step="cgroup",
                hint="start the daemon with the setting cgroup_driver = 'systemd', or 'auto'",
            )
        return self._scopes

    async def choose(self) -> None:
        """Raises what keeps systemd from being used, where the settings ask for it."""
        if self._choice == "cgroupfs":
            return
        try:
            self._scopes = await self._reach(self._slice())
        except ContainerdError as problem:
            if self._choice == "systemd":
                raise
            if _booted():
                _log.warning("cgroups are made without systemd", error=problem.message)

    def _slice(self) -> str:
        """Return the slice of this daemon's own. Raises NotSupported, InvalidArgument."""
        if self._choice == "auto" and not _booted():
            raise NotSupported("cannot use systemd: the host was not booted with it", step="systemd")
        if self._layout.v2 is None:
            raise NotSupported(
                "cannot use the cgroup driver systemd: this host has no cgroup v2", step="systemd", hint="use cgroupfs"
            )
        above, name = os.path.split(self._files.parent.strip("/"))
        if above and ("/" in above or not above.endswith(".slice")):
            raise InvalidArgument(
                f"cannot use the cgroup driver systemd: cgroup_parent {above!r} is no slice",
                step="config",
                hint="such as machine.slice, which may lie in others: a-b.slice",
            )
        if above:
            check_slice(above)
        return below(above, name)

    async def close(self, *, used: bool) -> None:
        for driver in self.all:
            await driver.close(used=used)


def _booted() -> bool:
    """Tell whether systemd is this host's init (sd_booted(3))."""
    import systemd.daemon  # libsystemd is loaded where the driver is to be chosen only

    return bool(systemd.daemon.booted())
