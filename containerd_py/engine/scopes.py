"""Scopes for the daemon's containers: see `runtime.cgroups.systemd`."""

from __future__ import annotations

import asyncio
import contextlib
import os
from typing import TYPE_CHECKING, TypeVar

import structlog

from containerd_py.engine.oom_events import OomEvents
from containerd_py.engine.supervision import stop_by
from containerd_py.engine.systemd_bus import SystemdBus
from containerd_py.errors import ContainerdError
from containerd_py.runtime.cgroups.normalise import normalise
from containerd_py.runtime.cgroups.systemd import steps
from containerd_py.runtime.cgroups.systemd.annotated import check_harmless, of_annotations
from containerd_py.runtime.cgroups.systemd.client import addresses
from containerd_py.runtime.cgroups.systemd.conversation import BusError, ConnectionLost
from containerd_py.runtime.cgroups.systemd.driver import ScopeDriver
from containerd_py.runtime.cgroups.systemd.names import container_of, parse_place, slice_path
from containerd_py.runtime.cgroups.systemd.properties import Scope
from containerd_py.runtime.linux.fd import Fd

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from containerd_py.engine.containers import Container
    from containerd_py.engine.tasks import Tasks
    from containerd_py.runtime.cgroups.cgroup import Cgroup
    from containerd_py.runtime.cgroups.layout import Layout
    from containerd_py.runtime.cgroups.manager import CgroupManager
    from containerd_py.runtime.cgroups.resources import Resources
    from containerd_py.runtime.cgroups.systemd.conversation import JobBegun, Steps
    from containerd_py.runtime.cgroups.systemd.names import UnitPlace
    from containerd_py.runtime.cgroups.systemd.property import Property
    from containerd_py.runtime.spec.models import Spec

_log = structlog.get_logger()
Outcome = TypeVar("Outcome")

_ASK_S = 1.0
_GRACE_S = 10


class SystemdDriver:
    """As `cgroup_drivers.CgroupDriver`; made by `reach`."""

    def __init__(self, layout: Layout, cgroups: CgroupManager, slice_name: str, tasks: Tasks) -> None:
        self._layout = layout
        self._cgroups = cgroups
        self._slice = slice_name
        self._tasks = tasks
        user = os.geteuid() != 0
        self._manager = SystemdBus(addresses(user=user), tasks, on_job=self._job_begun)
        self._scopes = ScopeDriver(layout, cgroups, self._manager.greeted, user=user)
        self._up: set[str] = set()
        self._asked: set[str] = set()
        self.name = "systemd"
        self.parent = ""

    async def reach(self) -> None:
        """Raises Unavailable, NotSupported."""
        greeted = await self._manager.connect()
        self._scopes = ScopeDriver(self._layout, self._cgroups, greeted, user=os.geteuid() != 0)
        self.parent = f"{greeted.root}{slice_path(self._slice)}"

    def _place(self, spec: Spec, container_id: str) -> UnitPlace:
        return parse_place(spec.linux.cgroups_path or "", container_id, default_slice=self._slice)

    def check(self, spec: Spec) -> None:
        self._place(spec, "x")
        check_harmless(spec.annotations)
        self._scopes.check(normalise(spec.linux.resources))

    def locate(self, spec: Spec, container_id: str) -> Cgroup:
        return self._scopes.locate(self._place(spec, container_id), normalise(spec.linux.resources))

    def check_free(self, spec: Spec, container_id: str, cgroup: Cgroup) -> None:
        self._cgroups.check_free(self._place(spec, container_id).path(), cgroup)

    def make(self, spec: Spec, container_id: str, cgroup: Cgroup) -> None:
        self._scopes.make(self._place(spec, container_id), cgroup)

    def join(self, container: Container, spec: Spec, pid: int) -> asyncio.Task[Cgroup]:
        return self._tasks.start(self._join(container, spec, pid), name=f"scope {container.id}", quiet=True)

    async def _join(self, container: Container, spec: Spec, pid: int) -> Cgroup:
        place, limits = self._place(spec, container.id), normalise(spec.linux.resources)
        assert container.pidfd is not None  # noqa: S101 - its worker was just forked
        self._up.discard(place.name)
        self._asked.discard(place.name)
        scope = _scope(place, container, of_annotations(spec.annotations))
        properties = self._scopes.properties(scope, limits)
        # Of its own: the container may be undone before it is sent, and the number be another process's.
        with Fd(os.dup(container.pidfd.fileno())) as pidfd:
            await self._manager.start_scope(place.name, properties, pid, pidfd.fileno())
        self._up.add(place.name)
        try:
            cgroup = await asyncio.to_thread(self._scopes.settle, container.cgroup, limits, pid)
        except (ContainerdError, OSError):
            self._tasks.start(self._forget(steps.forgotten(place.name)), name=f"empty scope {container.id}")
            raise
        self._watch_memory(container)
        return cgroup

    def forget_empty(self, known: Collection[str]) -> None:
        """Have scopes of ours without a process forgotten, in the background: systemd itself would never."""
        self._tasks.start(self._forget(steps.forget_empty(self._slice, known)), name="empty scopes")

    async def _forget(self, wanted: Steps[None]) -> None:
        try:
            await self._manager.perform(wanted, "look for empty scopes")
        except (ContainerdError, ConnectionLost, BusError) as problem:
            _log.warning("empty scopes may be left", error=str(problem))

    def joining(self, cgroup: Cgroup, resources: Resources) -> Cgroup:
        return self._scopes.joining(cgroup, resources)

    async def update(self, cgroup: Cgroup, resources: Resources) -> None:
        """systemd is told first; what the kernel refuses then, it is told to take back."""
        properties = await asyncio.to_thread(self._scopes.changes, cgroup, resources)
        before: Sequence[Property] = await self._manager.repeat(
            lambda: steps.values(cgroup.scope, properties), f"read scope {cgroup.scope!r}"
        )
        await self._change(cgroup.scope, properties)
        try:
            await asyncio.to_thread(self._scopes.write, cgroup, resources)
        except ContainerdError:
            await self._change(cgroup.scope, before)
            raise

    async def _change(self, name: str, properties: Sequence[Property]) -> None:
        await self._manager.repeat(lambda: steps.change(name, properties), f"change scope {name!r}")

    def container_of(self, name: str) -> str | None:
        return container_of(name)

    async def close(self, *, used: bool) -> None:
        if not used:
            with contextlib.suppress(ContainerdError, ConnectionLost):  # systemd keeps an empty slice then
                await self._manager.perform(steps.stop(self._slice), "stop the slice", timeout_s=_ASK_S)
        self._manager.close()

    # ── the end of a scope ──

    def _job_begun(self, begun: JobBegun) -> None:
        """Of a scope that is up we ask for no job: somebody else has it stopped."""
        if begun.unit in self._up:
            self._asked.add(begun.unit)

    def watch(self, container: Container) -> None:
        """Look at a scope that an earlier daemon has made."""
        self._up.add(container.cgroup.scope)
        self._watch_memory(container)

    def _watch_memory(self, container: Container) -> None:
        if "memory" not in self._layout.v1:
            return
        if container.oom_events is not None:
            container.oom_events.close()
        try:
            container.oom_events = OomEvents(container.cgroup)
        except OSError as problem:
            _log.warning("cannot tell whether memory will run out", container=container.id, error=str(problem))

    async def stopped_by_systemd(self, name: str) -> bool:
        """Tell whether the end of a scope was asked for by its unit (systemctl stop); it is forgotten then.

        The answer of systemd comes after the signals that it has sent before. Without one nobody knows: False.
        """
        with contextlib.suppress(ContainerdError, ConnectionLost):
            await self._manager.perform(steps.stopping(name), "look at scope", timeout_s=_ASK_S)
        self._up.discard(name)
        asked = name in self._asked
        self._asked.discard(name)
        return asked


_SHUTDOWN = "pycontainerd-shutdown.service"
"""Stops containers in order when the host shuts down (ADR 19), which stops slices too, and all scopes in them at once."""


def _scope(place: UnitPlace, container: Container, annotated: tuple[Property, ...]) -> Scope:
    """As the daemon would stop it, and a moment more, so that whoever stops both does not kill too soon."""
    number, timeout_s = stop_by(container, None, None)
    return Scope(
        name=place.name,
        slice=place.slice,
        description=f"container {container.name}",
        before=(_SHUTDOWN,),
        stop_signal=int(number),
        stop_timeout_us=int((timeout_s + _GRACE_S) * 1_000_000),
        annotated=annotated,
    )
