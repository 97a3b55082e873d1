"""A scope from the making of its cgroup to the proof that the process is in it, whoever speaks with systemd."""

from __future__ import annotations

import os

from containerd_py.errors import NotSupported, Unavailable
from containerd_py.light.dataclasses import replace
from containerd_py.runtime.cgroups import files, members
from containerd_py.runtime.cgroups.controllers import ASKED_BY
from containerd_py.runtime.cgroups.layout import parse_membership
from containerd_py.runtime.cgroups.places import MANAGED_V1, entered
from containerd_py.runtime.cgroups.systemd.devices import allows_all
from containerd_py.runtime.cgroups.systemd.properties import merged, of_resources, of_scope
from containerd_py.runtime.linux.proc_text import read_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from containerd_py.runtime.cgroups.cgroup import Cgroup
    from containerd_py.runtime.cgroups.layout import Layout
    from containerd_py.runtime.cgroups.manager import CgroupManager
    from containerd_py.runtime.cgroups.resources import Read, Resources
    from containerd_py.runtime.cgroups.systemd.conversation import Greeted
    from containerd_py.runtime.cgroups.systemd.names import UnitPlace
    from containerd_py.runtime.cgroups.systemd.properties import Scope
    from containerd_py.runtime.cgroups.systemd.property import Property


class ScopeDriver:
    """What needs no connection. files: writes what systemd has no property for. user: it is the manager of a user."""

    def __init__(self, layout: Layout, control_files: CgroupManager, manager: Greeted, *, user: bool) -> None:
        self._layout = layout
        self._files = control_files
        self._manager = manager
        self._user = user

    def check(self, resources: Resources) -> None:
        """Raises NotSupported for a limit that cannot be enforced here, or that systemd has no word for."""
        self._files.check(resources)
        if self._layout.v2 is None:
            raise NotSupported(
                "cannot make a scope: this host has no cgroup v2, by which systemd tells that a scope has ended",
                step="cgroup",
                hint="have cgroups made without systemd",
            )
        for name in resources.controllers():
            if self._user and name in self._layout.v1 and name != "devices":
                raise NotSupported(
                    f"cannot limit {name}: it is bound to cgroup v1, which the service manager of a user does not reach "
                    f"({ASKED_BY[name]})",
                    step="cgroup",
                )
        self._of(resources, lambda _name: _no_files)

    def locate(self, place: UnitPlace, resources: Resources) -> Cgroup:
        """Return where its cgroup lies, whether it is there or not.

        Where every device is allowed, as for a privileged container, systemd makes no cgroup of v1's devices for it.
        """
        if not self._user and allows_all(resources):
            resources = replace(resources, devices=())
        return replace(self._files.locate(place.path(self._manager.root), resources), scope=place.name)

    def own(self, cgroup: Cgroup) -> Cgroup:
        """Return those of its directories that systemd does not make: in hierarchies of v1 that it does not know."""
        return entered(cgroup, self._layout)

    def make(self, place: UnitPlace, cgroup: Cgroup) -> Cgroup:
        """Make what systemd does not; return the cgroup with the parents that were made for it. Raises Conflict."""
        path = place.path(self._manager.root)
        self._files.check_free(path, cgroup)
        return replace(cgroup, parents=self._files.make_places(path, self.own(cgroup)).parents)

    def properties(self, scope: Scope, resources: Resources) -> tuple[Property, ...]:
        """Return everything that systemd is told when the scope is started."""
        return merged(of_scope(scope), self._of(resources, lambda _name: _no_files), scope.annotated)

    def changes(self, cgroup: Cgroup, resources: Resources) -> tuple[Property, ...]:
        """Return what systemd is told when limits change. Raises NotSupported, InvalidArgument."""
        self._files.check(resources)
        return self._of(resources, lambda name: self._reader(cgroup, name))

    def settle(self, cgroup: Cgroup, resources: Resources, pid: int) -> Cgroup:
        """Make sure that the process is in the cgroup, and has every limit; return all directories that it is in.

        Raises Unavailable where it is not, and what control files say.
        """
        missing = [path for path in cgroup.paths if pid not in members.listed(path)]
        if missing:
            raise Unavailable(
                f"cannot make a scope: its process is not in {missing[0]!r}",
                step="systemd",
                hint="did it end? or does systemd not use this hierarchy (DisableControllers=)?",
            )
        self._files.complete(cgroup, replace(resources, devices=()))
        return replace(cgroup, v1=cgroup.v1 + self._joined_too(cgroup, pid))

    def write(self, cgroup: Cgroup, resources: Resources) -> Cgroup:
        """Write limits that change to the control files, of which systemd has been told; see `CgroupManager.update`."""
        return self._files.update(cgroup, replace(resources, devices=()))

    def joining(self, cgroup: Cgroup, resources: Resources) -> Cgroup:
        return self._files.joining(cgroup, resources)

    def _joined_too(self, cgroup: Cgroup, pid: int) -> tuple[str, ...]:
        """A delegated unit is in every hierarchy of v1 that systemd knows; who enters the container later has to be too."""
        lies_in = parse_membership(read_text(f"/proc/{pid}/cgroup"))
        own = f"/{os.path.basename(cgroup.paths[0])}"
        found = (
            f"{mount}{lies_in[name]}"
            for name, mount in self._layout.v1.items()
            if name in MANAGED_V1 and lies_in.get(name, "").endswith(own)
        )
        return tuple(path for path in dict.fromkeys(found) if path not in cgroup.v1)

    def _of(self, resources: Resources, read: Callable[[str], Read]) -> tuple[Property, ...]:
        if self._user:  # no device node made in a user namespace can be opened
            resources = replace(resources, devices=())
        return of_resources(resources, self._manager.version, frozenset(self._layout.v1), read)

    def _reader(self, cgroup: Cgroup, name: str) -> Read:
        mount = self._layout.v1.get(name)
        directory = cgroup.v2 if mount is None else next((path for path in cgroup.v1 if path.startswith(f"{mount}/")), None)
        return _no_files if directory is None else files.reader(directory)


def _no_files(_name: str) -> None:
    return None
