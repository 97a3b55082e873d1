"""Scopes for the library: a container's cgroup as a unit of systemd's. Imported only where that is asked for."""

from __future__ import annotations

import os

from containerd_py.errors import ContainerdError
from containerd_py.light.dataclasses import replace
from containerd_py.runtime.cgroups.directories import missing_parents
from containerd_py.runtime.cgroups.manager import CgroupManager
from containerd_py.runtime.cgroups.systemd import steps
from containerd_py.runtime.cgroups.systemd.annotated import of_annotations
from containerd_py.runtime.cgroups.systemd.client import Client, addresses
from containerd_py.runtime.cgroups.systemd.driver import ScopeDriver
from containerd_py.runtime.cgroups.systemd.names import parse_place
from containerd_py.runtime.cgroups.systemd.properties import Scope

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from containerd_py.runtime.cgroups.cgroup import Cgroup
    from containerd_py.runtime.cgroups.layout import Layout
    from containerd_py.runtime.cgroups.resources import Resources
    from containerd_py.runtime.cgroups.systemd.client import StartOfScope
    from containerd_py.runtime.cgroups.systemd.names import UnitPlace
    from containerd_py.runtime.launcher import Worker

_SYSTEM_SLICE = "system.slice"
_USER_SLICE = "user.slice"


def place_of(cgroups_path: str, container_id: str) -> tuple[UnitPlace, str]:
    """Return the scope of a container of this user's, and the cgroup of the service manager, without asking anybody."""
    user_id = os.geteuid()
    root = f"/user.slice/user-{user_id}.slice/user@{user_id}.service" if user_id else ""
    return parse_place(cgroups_path, container_id, default_slice=_USER_SLICE if user_id else _SYSTEM_SLICE), root


class ScopeMembership:
    """As `membership.Membership`. cgroups_path: of the document. Errors of reaching systemd come from `check` already."""

    def __init__(
        self, layout: Layout, container_id: str, cgroups_path: str, limits: Resources, annotations: Mapping[str, str]
    ) -> None:
        user = os.geteuid() != 0
        self._annotated = of_annotations(annotations)
        self._place, _usual = place_of(cgroups_path, container_id)
        self._limits = limits
        self._described = f"container {container_id}"
        self._client = Client(addresses(user=user))
        self._driver = _driver(layout, self._client, user=user)
        self._starting: StartOfScope | None = None

    def check(self) -> None:
        self._driver.check(self._limits)

    def intended(self) -> Cgroup:
        cgroup = self._driver.locate(self._place, self._limits)
        return replace(cgroup, parents=missing_parents(self._driver.own(cgroup)))

    def make(self) -> Cgroup:
        return self._driver.make(self._place, self._driver.locate(self._place, self._limits))

    def entered(self, cgroup: Cgroup) -> Cgroup:
        return self._driver.own(cgroup)

    def begin(self, worker: Worker) -> None:
        scope = Scope(self._place.name, self._place.slice, self._described, annotated=self._annotated)
        properties = self._driver.properties(scope, self._limits)
        self._starting = self._client.start(self._place.name, properties, worker.pid, worker.pidfd.fileno())

    def wait(self, cgroup: Cgroup, pid: int) -> Cgroup:
        assert self._starting is not None  # noqa: S101 - a worker that asks has been begun with
        self._starting.wait()
        return self._driver.settle(cgroup, self._limits, pid)

    def close(self) -> None:
        self._client.close()


def update(cgroup: Cgroup, limits: Resources, layout: Layout) -> Cgroup:
    """Change limits of a scope, live: those that systemd holds first, then the control files.

    What the kernel refuses, systemd is told to take back. Raises NotSupported, InvalidArgument, Conflict, Unavailable.
    """
    scope, user = cgroup.scope, os.geteuid() != 0
    with Client(addresses(user=user)) as client:
        driver = _driver(layout, client, user=user)
        properties = driver.changes(cgroup, limits)
        before = client.perform(steps.values(scope, properties), f"read scope {scope!r}")
        client.change(scope, properties)
        try:
            return driver.write(cgroup, limits)
        except ContainerdError:
            client.change(scope, before)
            raise


def _driver(layout: Layout, client: Client, *, user: bool) -> ScopeDriver:
    return ScopeDriver(layout, CgroupManager(layout), client.manager, user=user)
