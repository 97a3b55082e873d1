"""Where a container's cgroup lies in each hierarchy of this host. Nothing is made or changed here."""

from __future__ import annotations

import errno
import os

from containerd_py.errors import InvalidArgument, NotFound
from containerd_py.light.dataclasses import replace
from containerd_py.runtime.cgroups.cgroup import Cgroup
from containerd_py.runtime.cgroups.layout import parse_membership
from containerd_py.runtime.linux.proc_text import read_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from containerd_py.runtime.cgroups.layout import Layout


MANAGED_V1 = ("cpu", "cpuacct", "blkio", "memory", "devices", "pids")
"""The hierarchies of cgroup v1 in which systemd makes a directory for a delegated unit; the others it does not know."""


def entered(cgroup: Cgroup, layout: Layout) -> Cgroup:
    """Return the directories that a container's first process is born in, or enters by itself: of a scope not systemd's."""
    if not cgroup.scope:
        return cgroup
    managed = tuple(f"{layout.v1[name]}/" for name in MANAGED_V1 if name in layout.v1)
    return Cgroup(None, tuple(path for path in cgroup.v1 if not path.startswith(managed)))


class Places:
    def __init__(self, layout: Layout) -> None:
        self._layout = layout

    def of(self, path: str, controllers: Iterable[str]) -> Cgroup:
        """Return the places of the cgroup at `path` in cgroup v2 and in the v1 hierarchies of `controllers`.

        path: `linux.cgroupsPath`, as runc takes it without systemd: absolute below each hierarchy's root; relative to this
        process's own cgroup on v1, and on v2, where a cgroup that has processes can have no others below, to its parent.
        """
        v2 = self._layout.v2
        mounts = dict.fromkeys(self._layout.hierarchies[name] for name in controllers if name in self._layout.hierarchies)
        return Cgroup(self._place(v2, path, v2=True) if v2 else None, tuple(self._place(mount, path) for mount in mounts))

    def _place(self, mount: str, path: str, *, v2: bool = False) -> str:
        name = "/".join(part for part in path.split("/") if part not in ("", "."))
        if path.startswith("/"):
            return f"{mount}/{name}"
        own = self._layout.own.get(mount, mount)
        base = os.path.dirname(own) if v2 and own != mount else own
        return f"{base}/{name}"

    def like(self, cgroup: Cgroup, controllers: Iterable[str]) -> tuple[str, ...]:
        """Return the v1 directories, for some controllers, of a cgroup whose others are known."""
        first = cgroup.paths[0]
        known = [
            mount
            for mount in (self._layout.v2, *self._layout.hierarchies.values())
            if mount and first.startswith(f"{mount}/")
        ]
        name = os.path.relpath(first, max(known, key=len))
        mounts = dict.fromkeys(self._layout.v1[controller] for controller in controllers if controller in self._layout.v1)
        return tuple(_joined(cgroup, mount) or f"{mount}/{name}" for mount in mounts)

    def joined(self, cgroup: Cgroup, controller: str) -> str:
        """Return the cgroup's directory in the v1 hierarchy of a controller. Raises InvalidArgument where it is in none."""
        found = _joined(cgroup, self._layout.hierarchies.get(controller, "/nowhere"))
        if found is None:
            raise InvalidArgument(
                f"cannot use controller {controller!r}: unknown controller here: the container is in no cgroup of it",
                step="cgroup",
            )
        return found

    def below(self, cgroup: Cgroup, subs: Mapping[str, str]) -> Cgroup:
        """Return the places of a cgroup that the payload made below its own, as `runc exec --cgroup` names it.

        subs: path below the container's cgroup by controller; "" stands for those not named, and for cgroup v2.
        Raises InvalidArgument for a path that leads out or a controller that is not joined, NotFound for none there.
        """
        named = {self.joined(cgroup, controller): sub for controller, sub in subs.items() if controller}
        paths = {path: _below(path, named.get(path, subs.get("", ""))) for path in cgroup.paths}
        return Cgroup(paths[cgroup.v2] if cgroup.v2 else None, tuple(paths[path] for path in cgroup.v1))

    def of_process(self, cgroup: Cgroup, pid: int) -> Cgroup:
        """Return the cgroup that a process of the container lies in: its own, or one that the payload made below.

        For an exec on cgroup v2: once a payload such as systemd has handed controllers down, no process can enter its
        container's own cgroup any more (EBUSY), but where the payload is.
        """
        if cgroup.v2 is None or self._layout.v2 is None:
            return cgroup
        path = parse_membership(read_text(f"/proc/{pid}/cgroup")).get("", "/")
        own = f"{self._layout.v2}{path}"
        return replace(cgroup, v2=own) if own.startswith(f"{cgroup.v2}/") else cgroup


def parse_sub(text: str) -> dict[str, str]:
    """Read "PATH" or "CONTROLLER[,CONTROLLER…]:PATH", as `runc exec --cgroup` takes it, for `Places.below`."""
    controllers, colon, path = text.rpartition(":")
    names = controllers.split(",") if colon else [""]
    if (colon and not all(names)) or not path.strip("/"):
        raise InvalidArgument(f"cannot enter cgroup {text!r}: not of the form [CONTROLLER,…:]PATH", step="cgroup")
    return dict.fromkeys(names, path)


def _joined(cgroup: Cgroup, mount: str) -> str | None:
    return next((path for path in cgroup.v1 if path.startswith(f"{mount}/")), None)


def _below(path: str, sub: str) -> str:
    if ".." in sub.split("/"):
        raise InvalidArgument(
            f"cannot enter cgroup {sub!r}: bad sub cgroup path: {sub} is not a sub cgroup path", step="cgroup"
        )
    found = f"{path}/{sub.strip('/')}" if sub.strip("/") else path
    if not os.path.isdir(found):
        raise NotFound(
            f"cannot enter cgroup {found!r}: error adding pid to {found}/cgroup.procs: no such file or directory",
            step="cgroup",
            errno=errno.ENOENT,
        )
    return found
