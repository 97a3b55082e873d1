"""Making a container's cgroup in every hierarchy that it needs, and changing its limits.

What needs no knowledge of the host lies beside: `members` (who is in it), `directories` (removing it), `freezer`, `stats`
and `oom`.
"""

from __future__ import annotations

import errno
import os

from containerd_py.errors import Conflict, ContainerdError, InvalidArgument, NotSupported, Unavailable
from containerd_py.light import contextlib
from containerd_py.light.dataclasses import replace
from containerd_py.runtime.cgroups import files, freezer, unified
from containerd_py.runtime.cgroups.cgroup import Cgroup, Placement
from containerd_py.runtime.cgroups.controllers import ASKED_BY, UNIFIED, V1_CONTROLLERS, V1_WITHOUT_LIMITS, V2_CONTROLLERS
from containerd_py.runtime.cgroups.directories import make, remove, remove_parents, remove_wait, unmake
from containerd_py.runtime.cgroups.killing import kill
from containerd_py.runtime.cgroups.layout import NAMED
from containerd_py.runtime.cgroups.members import move, pids, populated
from containerd_py.runtime.cgroups.normalise import UNLIMITED
from containerd_py.runtime.cgroups.places import Places
from containerd_py.runtime.cgroups.resources import Resources
from containerd_py.runtime.cgroups.restoring import Limit, put_back_if_it_fails
from containerd_py.runtime.cgroups.v1 import cpu as v1_cpu
from containerd_py.runtime.cgroups.v1 import cpuset as v1_cpuset
from containerd_py.runtime.cgroups.v2 import unified as v2_unified
from containerd_py.runtime.linux.namespaces import in_first_user_namespace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from containerd_py.runtime.cgroups.layout import Layout
    from containerd_py.runtime.cgroups.restoring import Limits

__all__ = ["Cgroup", "CgroupManager", "Placement", "kill", "pids", "remove", "remove_parents", "remove_wait"]

_JOINED_ALWAYS = ("pids", "memory")
_FIGURES = ("cpu", "io", "memory", "pids")
"""Controllers of cgroup v2 that are handed down for their figures, where that is possible."""

_RESOURCES = "linux.resources."
_DELEGATION = "run as root, or in a session whose cgroup systemd has delegated"


class CgroupManager:
    def __init__(self, layout: Layout, *, privileged: bool | None = None) -> None:
        """privileged: may make cgroups and load programs anywhere; found out where it is not given."""
        self._layout = layout
        self._places = Places(layout)
        self._privileged = _is_privileged() if privileged is None else privileged

    # ── where ──

    def default_path(self, name: str) -> str:
        """Return the path of a cgroup for a container whose document names none.

        Below the root; for an ordinary user beside the own cgroup, which is where systemd delegates to its user.
        """
        return f"/{name}" if self._privileged else name

    def locate(self, path: str, resources: Resources, *, joined: tuple[str, ...] = ()) -> Cgroup:
        """Return where the cgroup lies, whether it is there or not. path: see `Places.of`.

        joined: controllers of cgroup v1 whose hierarchies it is made in, whether anything is limited there or not.
        """
        needed = {*self._enforced(resources).controllers(), *(self._always() if self._privileged else ()), *joined}
        return self._places.of(path, sorted(needed, reverse=True))

    def everywhere(self, path: str) -> Cgroup:
        """Return the places of a cgroup whose resources are not known: in every hierarchy that this module uses."""
        return self._places.of(path, (*V1_CONTROLLERS, *V1_WITHOUT_LIMITS, NAMED))

    def children(self, path: str) -> tuple[str, ...]:
        """Return the names of the cgroups in the one at `path`, from all hierarchies."""
        names: set[str] = set()
        for directory in self.everywhere(path).paths:
            if os.path.isdir(directory):
                with os.scandir(directory) as entries:
                    names.update(entry.name for entry in entries if entry.is_dir(follow_symlinks=False))
        return tuple(sorted(names))

    def sub_cgroup(self, cgroup: Cgroup, subs: Mapping[str, str]) -> Cgroup:
        """Return a cgroup below a container's own, for a `Placement` of an exec: see `Places.below`."""
        return self._places.below(cgroup, subs)

    def of_process(self, cgroup: Cgroup, pid: int) -> Cgroup:
        """Return the cgroup that a process of the container lies in: see `Places.of_process`."""
        return self._places.of_process(cgroup, pid)

    # ── making and changing ──

    def supports(self, controller: str) -> bool:
        """Tell whether limits of a controller, by its name in cgroup v1, can be enforced here."""
        if controller in self._layout.v1 and controller in V1_CONTROLLERS:
            return True
        if controller == "devices":
            return self._layout.v2 is not None
        return controller in V2_CONTROLLERS and V2_CONTROLLERS[controller].name in self._layout.v2_controllers

    def check(self, resources: Resources) -> None:
        """Raises NotSupported, naming the controller and the fields, for a limit that nothing on this host enforces."""
        self._check_controllers(self._enforced(resources))

    def create(self, path: str, resources: Resources, *, joined: tuple[str, ...] = ()) -> Cgroup:
        """Make the cgroup at `path` ("/pycontainerd/abc") with its limits, before anybody is in it.

        An empty one that is there already is taken over. Raises NotSupported for a limit without controller, Conflict
        where processes live in it; then nothing is left behind. Where an ordinary user may make none, and asks for no
        limit, the container has none of its own.
        """
        if ".." in path.split("/") or not path.strip("/"):
            raise InvalidArgument(f"cannot make cgroup {path!r}: not a path below the root", step="cgroup")
        resources = self._enforced(resources)
        self._check_controllers(resources)
        cgroup = self.locate(path, resources, joined=joined)
        self._check_thawed(path)
        try:
            with _undone_if_it_fails() as made:
                self._make(path, cgroup, resources, made)
        except OSError as problem:
            if problem.errno in files.NOT_WRITABLE and not self._privileged and resources == Resources():
                return Cgroup(None, ())
            raise _refused("make", path, problem) from problem
        return replace(cgroup, parents=tuple(directory for directory in made if directory not in cgroup.paths))

    def make_places(self, path: str, cgroup: Cgroup) -> Cgroup:
        """Make directories of a cgroup beside those that somebody else makes; return it with the parents made for it.

        They have no limits yet. Raises Conflict where processes live in them; then nothing is left behind.
        """
        try:
            with _undone_if_it_fails() as made:
                for directory in cgroup.paths:
                    self._make_directory(directory, made)
                self._check_free(path, [directory for directory in cgroup.paths if directory not in made])
        except OSError as problem:
            raise _refused("make", path, problem) from problem
        return replace(cgroup, parents=tuple(directory for directory in made if directory not in cgroup.paths))

    def complete(self, cgroup: Cgroup, resources: Resources) -> None:
        """Write those limits of a cgroup that whoever made it has not set, or not to the same value."""
        resources = self._enforced(resources)
        try:
            limits = tuple(self._limits(cgroup, resources))
            self._write(cgroup, resources, tuple(limit.missing() for limit in limits))
        except OSError as problem:
            raise _refused("change", cgroup.paths[0], problem) from problem

    def check_free(self, path: str, cgroup: Cgroup) -> None:
        """Raises Conflict where processes live in the cgroup, or below it, already."""
        self._check_free(path, cgroup.paths)

    def _check_free(self, path: str, directories: Iterable[str]) -> None:
        """In runc's words, which callers know."""
        for directory in directories:
            if populated(directory):
                cause = f"container's cgroup is not empty: processes live in {directory}"
                raise Conflict(f"cannot make cgroup {path!r}: {cause}", step="cgroup")

    def _check_thawed(self, path: str) -> None:
        """Also where the container would not join the freezer of v1: whoever froze that wants nothing to run at `path`."""
        if freezer.is_frozen(self._places.of(path, ("freezer",))):
            raise Conflict(
                f"cannot make cgroup {path!r}: container's cgroup unexpectedly frozen",
                step="cgroup",
                hint="thaw it, or remove it",
            )

    def update(self, cgroup: Cgroup, resources: Resources) -> Cgroup:
        """Change the limits of a cgroup with processes in it; return it with the hierarchies that it has joined for that.

        Limits that are not asked for stay. Raises NotSupported before anything is changed; where the kernel refuses a
        value (InvalidArgument, Conflict), those written before are put back.
        """
        resources = self._enforced(resources)
        self._check_controllers(resources)
        if not cgroup.paths:
            if resources == Resources():
                return cgroup
            raise NotSupported("cannot limit the container: it has no cgroup of its own", step="cgroup", hint=_DELEGATION)
        joined = self.joining(cgroup, resources)
        joining = joined.v1[len(cgroup.v1) :]
        # Device rules of v1 are written one by one, and the first denies everything
        delicate = bool(joining) or ("devices" in self._layout.v1 and bool(resources.devices))
        try:
            with freezer.stopped(cgroup) if delicate else contextlib.nullcontext(), _undone_if_it_fails() as made:
                for directory in joining:
                    self._make_directory(directory, made)
                limits = tuple(self._limits(joined, resources))
                with put_back_if_it_fails(limits):
                    self._write(joined, resources, limits)
                    for directory in joining:
                        move(cgroup, directory)
        except OSError as problem:
            raise _refused("change", cgroup.paths[0], problem) from problem
        return replace(joined, parents=cgroup.parents + tuple(directory for directory in made if directory not in joining))

    def joining(self, cgroup: Cgroup, resources: Resources) -> Cgroup:
        """Return the cgroup with the hierarchies that `update` makes it join, the new ones last; nothing is made."""
        wanted = self._places.like(cgroup, self._enforced(resources).controllers()) if cgroup.paths else ()
        return replace(cgroup, v1=cgroup.v1 + tuple(directory for directory in wanted if directory not in cgroup.v1))

    def remove_empty(self, path: str) -> None:
        """Remove the cgroup at `path` from every hierarchy where nothing is in it."""
        for directory in self.everywhere(path).paths:
            with contextlib.suppress(OSError):
                os.rmdir(directory)

    # ── the steps ──

    def _always(self) -> tuple[str, ...]:
        """ADR 9: without cgroup v2 nothing but the freezer stops, and nothing but cpuacct measures."""
        return _JOINED_ALWAYS if self._layout.v2 else (*_JOINED_ALWAYS, *V1_WITHOUT_LIMITS)

    def _enforced(self, resources: Resources) -> Resources:
        """Leave out device rules where only a user namespace confines: there the kernel opens no device node made in it.

        Both ways to enforce rules are for the host's root only; runc and crun leave them out too. No limit of tasks
        needs no controller: callers write it into documents all the same.
        """
        if resources.pids_limit == UNLIMITED and not self.supports("pids"):
            resources = replace(resources, pids_limit=None)
        return resources if self._privileged else replace(resources, devices=())

    def _check_controllers(self, resources: Resources) -> None:
        for name in resources.controllers():
            if not self.supports(name):
                raise NotSupported(
                    f"cannot limit {name}: this host has no cgroup controller {name!r} that can be used, "
                    f"as {ASKED_BY[name]} needs",
                    step="cgroup",
                    hint="leave it out, or boot with the controller, see docs/how-to/operate.md",
                )
        if resources.unified and self._layout.v2 is None:
            raise NotSupported(
                "cannot set linux.resources.unified: invalid configuration: this host has no cgroup v2", step="cgroup"
            )
        for name in v2_unified.controllers(resources):
            if name not in self._layout.v2_controllers:
                cause = "is bound to cgroup v1" if name in self._layout.v1 else "is not in cgroup v2"
                cause = f"invalid configuration: {name!r} {cause} on this host"
                raise NotSupported(f"cannot set linux.resources.unified: {cause}", step="cgroup")

    def _make(self, path: str, cgroup: Cgroup, resources: Resources, made: list[str]) -> None:
        for directory in cgroup.paths:
            self._make_directory(directory, made)
        self._check_free(path, [directory for directory in cgroup.paths if directory not in made])
        if cgroup.v2 and self._layout.v2:
            figures = tuple(name for name in _FIGURES if name in self._layout.v2_controllers)
            unified.enable_if_possible(self._layout.v2, cgroup.v2, figures)
        self._share_realtime([directory for directory in made if directory not in cgroup.paths], resources)
        self._write_limits(cgroup, resources)

    def _share_realtime(self, parents: list[str], resources: Resources) -> None:
        """Give parents that are made for this cgroup the realtime that it asks for."""
        mount = self._layout.v1.get("cpu")
        with _naming(ASKED_BY["cpu"]):
            for directory in parents:
                if directory.startswith(f"{mount}/"):
                    files.write_all(directory, v1_cpu.realtime(resources))

    def _make_directory(self, directory: str, made: list[str]) -> None:
        make(directory, made)
        mount = self._layout.v1.get("cpuset")
        if mount is not None and directory.startswith(f"{mount}/"):
            _inherit_cpuset(mount, directory)

    def _write_limits(self, cgroup: Cgroup, resources: Resources) -> None:
        """Compute all, so that what is not supported is told first; then write all."""
        self._write(cgroup, resources, tuple(self._limits(cgroup, resources)))

    def _write(self, cgroup: Cgroup, resources: Resources, limits: Limits) -> None:
        for limit in limits:
            with _naming(limit.asked_by):
                files.write_all(limit.directory, limit.values)
        if resources.devices and cgroup.v2 and "devices" not in self._layout.v1:
            from containerd_py.runtime.cgroups.devices import attach

            with _naming(ASKED_BY["devices"]):
                attach.enforce(cgroup.v2, resources.devices)

    def _limits(self, cgroup: Cgroup, resources: Resources) -> Iterator[Limit]:
        for name in resources.controllers():
            with _naming(ASKED_BY[name]):
                yield from self._of_controller(name, cgroup, resources)
        if cgroup.v2 and self._layout.v2:
            with _naming(UNIFIED):
                for name in v2_unified.controllers(resources):
                    unified.enable(self._layout.v2, cgroup.v2, name)
            yield Limit(cgroup.v2, v2_unified.values(resources), UNIFIED)

    def _of_controller(self, name: str, cgroup: Cgroup, resources: Resources) -> Iterator[Limit]:
        if name in self._layout.v1:
            directory = self._places.joined(cgroup, name)
            yield Limit(directory, V1_CONTROLLERS[name](resources, files.reader(directory)), ASKED_BY[name])
        elif name in V2_CONTROLLERS and cgroup.v2 and self._layout.v2:
            unified.enable(self._layout.v2, cgroup.v2, V2_CONTROLLERS[name].name)
            yield Limit(cgroup.v2, V2_CONTROLLERS[name].values(resources, files.reader(cgroup.v2)), ASKED_BY[name])


def _is_privileged() -> bool:
    """Root of the host: programs can be loaded in the first user namespace only (bpf(2), CAP_BPF)."""
    return os.geteuid() == 0 and in_first_user_namespace()


def _inherit_cpuset(mount: str, directory: str) -> None:
    """Fill the lists of every new cgroup on the way from its parent's."""
    parent = mount
    for name in os.path.relpath(directory, mount).split("/"):
        current = f"{parent}/{name}"
        files.write_all(current, v1_cpuset.inherited(files.reader(current), files.reader(parent)))
        parent = current


@contextlib.contextmanager
def _undone_if_it_fails() -> Iterator[list[str]]:
    """Yield a list for the directories that are made; remove them where it ends by an error."""
    made: list[str] = []
    try:
        yield made
    except BaseException:
        unmake(made)
        raise


@contextlib.contextmanager
def _naming(asked_by: str) -> Iterator[None]:
    """Add to an error the JSON paths of what is asked for, where it names none: control files have names of their own."""
    try:
        yield
    except ContainerdError as problem:
        if _RESOURCES in problem.message:
            raise
        told = f"{problem.message} ({asked_by})"
        raise type(problem)(told, step=problem.step, errno=problem.errno, hint=problem.hint) from problem


def _refused(verb: str, path: str, problem: OSError) -> ContainerdError:
    hint = None
    if problem.errno == errno.EBUSY:
        hint = "a parent has processes of its own: on cgroup v2 only leaves may have them (no internal processes)"
    if problem.errno in files.NOT_WRITABLE:
        hint = files.PERMISSION
    return Unavailable(f"cannot {verb} cgroup {path!r}: {problem.strerror}", step="cgroup", errno=problem.errno, hint=hint)
