"""Removing a container whose state is damaged: what can still be known of it are its directory and its cgroup.

The cgroup is where its document says, or where the state root has those of all others (`StateDirectory.cgroup_parent`).
"""

from __future__ import annotations

import contextlib
import os

from containerd_py.errors import Conflict, Internal, InvalidArgument, NotFound
from containerd_py.light.dataclasses import replace
from containerd_py.runtime import hooks
from containerd_py.runtime.cgroups import members
from containerd_py.runtime.cgroups.destroying import destroy
from containerd_py.runtime.cgroups.killing import kill
from containerd_py.runtime.cgroups.manager import CgroupManager
from containerd_py.runtime.host import probe
from containerd_py.runtime.plan.operations import AwaitMembership
from containerd_py.runtime.provision import take_back
from containerd_py.runtime.spec.version import OCI_VERSION

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from containerd_py.runtime.cgroups.cgroup import Cgroup
    from containerd_py.runtime.spec.models import Spec
    from containerd_py.runtime.state import StateDirectory


def discard(directory: StateDirectory, container_id: str) -> tuple[str, ...]:
    """See `Container.discard`."""
    directory.check_owners()
    damaged = damaged_files(directory)
    if "state.json" not in damaged:
        raise Conflict(f"cannot discard container {container_id!r}: its state is whole", step="state", hint="destroy it")
    cgroup = _cgroup(directory, container_id)
    kill(cgroup)  # before it is our turn: what runs there may keep the turn of an exec
    with directory.locked():
        spec = _spec(directory)
        if spec is not None:
            take_back(spec.linux, container_id)
        destroy(cgroup)
        directory.remove()
    if spec is not None:
        hooks.run_all("poststop", spec.hooks.poststop, _document(spec, container_id))
    return damaged


def forget(directory: StateDirectory, container_id: str, *, force: bool) -> bool:
    """See `Container.forget`."""
    with contextlib.suppress(NotFound), directory.locked():
        if not directory.stateless:
            return False
        directory.check_owners()
        cgroup = _cgroup(directory, container_id)
        if members.pids(cgroup) and not force:
            raise _still_alive(cgroup, container_id)
        kill(cgroup)
        destroy(cgroup)
        directory.remove()
        return True
    return False


def _still_alive(cgroup: Cgroup, container_id: str) -> Conflict:
    return Conflict(
        f"cannot remove container {container_id!r}: its state.json is gone, and processes live in its cgroup "
        f"{cgroup.paths[0]}",
        step="state",
        hint="delete it by force, which ends them",
    )


def _spec(directory: StateDirectory) -> Spec | None:
    """Return its document, None where that is damaged."""
    from containerd_py.runtime.spec.models import parse

    try:
        return parse(directory.config())
    except (Internal, NotFound, InvalidArgument):
        return None


def _document(spec: Spec, container_id: str) -> dict[str, Any]:
    """Return the state that its hooks are told: an empty bundle, which only the damaged record knew."""
    told = {"ociVersion": OCI_VERSION, "id": container_id, "status": "stopped", "bundle": ""}
    return told | {"annotations": dict(spec.annotations)}


def damaged_files(directory: StateDirectory) -> tuple[str, ...]:
    """Return the names of the files that are not what was written, or are gone. Raises NotFound without a directory."""
    if not os.path.isdir(directory.path):
        directory.get("state.json")
    readers = {"state.json": directory.read, "config.json": directory.config, "plan.json": directory.plan}
    damaged = []
    for name, read in readers.items():
        try:
            read()
        except (Internal, NotFound):
            damaged.append(name)
    return tuple(damaged)


def _cgroup(directory: StateDirectory, container_id: str) -> Cgroup:
    cgroups = CgroupManager(probe().cgroups)
    asked = _asked_path(directory)
    if _was_scope(directory):
        from containerd_py.runtime.scopes import place_of

        place, root = place_of(asked, container_id)
        return replace(cgroups.everywhere(place.path(root)), parents=_parents(directory), scope=place.name)
    if asked:
        return replace(cgroups.everywhere(asked), parents=_parents(directory))
    found = cgroups.everywhere(f"{directory.cgroup_parent()}/{container_id}")
    return replace(found, parents=tuple(map(os.path.dirname, found.paths)))


def _was_scope(directory: StateDirectory) -> bool:
    """Its plan tells whether systemd has made its cgroup."""
    try:
        return AwaitMembership.__name__ in directory.plan().kinds
    except (Internal, NotFound):
        return False


def _parents(directory: StateDirectory) -> tuple[str, ...]:
    """Return what was made above the cgroup that its document asks for; none where that record is damaged too."""
    try:
        return directory.plan().parents
    except (Internal, NotFound):
        return ()


def _asked_path(directory: StateDirectory) -> str:
    """Return linux.cgroupsPath of the document, "" where it has none, cannot be read, or has none that can be used."""
    try:
        path = directory.config().get("linux", {}).get("cgroupsPath") or ""
    except (Internal, NotFound, AttributeError):
        return ""
    return path if type(path) is str and path.strip("/") and ".." not in path.split("/") else ""
