"""What a container has of its host: CRIU keeps none of it in images, and is told on both sides by which name to find it.

    mounts       sources of binds: the name is the place in the container; files that are masked: /dev/null
    namespaces   those that were joined by a path
    files        streams that are open on what no mount of the container shows

The mounts come from the same plan that makes a container, so that what is restored has what was made.
"""

from __future__ import annotations

import errno
import os
import stat

from containerd_py.errors import Conflict, NotSupported
from containerd_py.light.dataclasses import dataclass
from containerd_py.runtime.cgroups.layout import parse_membership
from containerd_py.runtime.checkpoint.messages import CgroupMode, ExternalMount, JoinedNamespace
from containerd_py.runtime.linux.namespaces import FILES
from containerd_py.runtime.linux.paths import open_in_root
from containerd_py.runtime.linux.proc_text import lines, plain, read_text
from containerd_py.runtime.plan import operations as op

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Iterator, Mapping

    from containerd_py.runtime.cgroups.cgroup import Cgroup
    from containerd_py.runtime.cgroups.layout import Layout
    from containerd_py.runtime.linux.fd import Fd
    from containerd_py.runtime.plan.plan import Plan
    from containerd_py.runtime.spec.models import Spec

_NULL = "/dev/null"
_STREAMS = 3
EXTERNAL = ("network", "pid")
"""Namespaces that CRIU leaves alone where they were joined; others it joins itself at a restore."""


@dataclass(frozen=True)
class Bound:
    """A mount whose source is the host's. target: its place in the container. recursive: with what is mounted below."""

    source: str
    target: str
    recursive: bool


def bound(plan: Plan) -> tuple[Bound, ...]:
    """Return the binds of a plan. Raises NotSupported for those that the parent made, which CRIU cannot make again."""
    for source in plan.sources:
        if source.detached:
            what, hint = ("idmapped mounts", "mount it without idmap") if not source.nodes else ("mounts of devices", None)
            told = f"cannot checkpoint or restore mount {source.path!r} ({source.origin}): CRIU does not know {what}"
            raise NotSupported(told, step="criu", hint=hint)
    for operation in plan.operations:
        if isinstance(operation, op.CloneInside):
            told = f"cannot checkpoint or restore mount {operation.source!r} ({operation.origin}): it is another mount's"
            raise NotSupported(told, step="criu", hint="give the path that the other mount's source has on the host")
    recursive = {one.key: one.recursive for one in plan.operations if isinstance(one, op.CloneTree)}
    found = []
    for one in plan.operations:
        if isinstance(one, op.AttachTree):
            found.append(Bound(one.source, one.target, recursive.get(one.key, False)))
        elif isinstance(one, op.BindDevice):
            found.append(Bound(one.path, one.path, recursive=False))
    return tuple(found)


def named(plan: Plan, root: Fd, inside: Fd, mounted: Iterable[str]) -> Iterator[ExternalMount]:
    """Yield the mounts to be left out of a dump, each with its name.

    root: the root file system as the host has it; inside: the container's root, with all mounts; mounted: their places.
    """
    points = tuple(mounted)
    for one in bound(plan):
        place = mount_point(root, one.target)
        yield ExternalMount(place, place)
        if one.recursive:
            yield from (ExternalMount(point, point) for point in points if point.startswith(f"{place}/"))
    for masked in plan.operations:
        if isinstance(masked, op.MaskPath) and _is_file(inside, masked.path):
            yield ExternalMount(masked.path, masked.path)


def _is_file(inside: Fd, path: str) -> bool:
    """A directory is hidden by a file system of its own, which CRIU makes again."""
    try:
        with open_in_root(inside.fileno(), path, os.O_PATH) as found:
            return not stat.S_ISDIR(os.fstat(found.fileno()).st_mode)
    except OSError:
        return False  # the container has no such thing


def sources(plan: Plan, root: Fd, mounted: Iterable[str]) -> Iterator[ExternalMount]:
    """Yield what is mounted at a restore, by the names of `named`. mounted: all mount points of the host."""
    points = tuple(mounted)
    for one in bound(plan):
        place = mount_point(root, one.target)
        yield ExternalMount(place, one.source)
        if one.recursive:
            source = os.path.realpath(one.source)
            for point in points:
                if point.startswith(f"{source.rstrip('/')}/"):
                    yield ExternalMount(place + point.removeprefix(source.rstrip("/")), point)
    for masked in plan.operations:
        if isinstance(masked, op.MaskPath):
            yield ExternalMount(masked.path, _NULL)
    yield ExternalMount(_NULL, _NULL)  # runc's name for all of them


def mount_point(root: Fd, path: str) -> str:
    """Return where a path of the root leads to, as far as there is something; the rest as it is."""
    names = [name for name in path.split("/") if name not in ("", ".")]
    for count in range(len(names), 0, -1):
        try:
            found = open_in_root(root.fileno(), "/".join(names[:count]), os.O_PATH)
        except OSError:
            continue
        with found:
            base = os.readlink(f"/proc/self/fd/{root.fileno()}")
            there = os.readlink(f"/proc/self/fd/{found.fileno()}").removeprefix(base.rstrip("/"))
        return "/".join((there.rstrip("/"), *names[count:])) or "/"
    return f"/{'/'.join(names)}"


def mount_points(pid: int | str) -> tuple[str, ...]:
    """Return the mount points of a process's mount namespace (proc_pid_mountinfo(5))."""
    return tuple(plain(line.split(" ")[4]) for line in _mountinfo(pid))


def _mountinfo(pid: int | str) -> list[str]:
    """Raises Conflict where a process has given up its mounts (EINVAL), as one does that ends, or is gone."""
    try:
        return lines(read_text(f"/proc/{pid}/mountinfo"))
    except OSError as problem:
        if problem.errno not in (errno.EINVAL, errno.ENOENT, errno.ESRCH):
            raise
        raise Conflict(
            f"cannot checkpoint process {pid}: it ends at this moment (container not running)", step="checkpoint"
        ) from problem


# ── namespaces ──


def left_alone(spec: Spec) -> Iterator[tuple[str, str]]:
    """Yield (its name for CRIU, path) for each joined namespace that CRIU leaves alone."""
    for one in spec.linux.namespaces:
        if one.path and one.type in EXTERNAL:
            yield FILES[one.type], one.path


def key_of(kind: str) -> str:
    """Return runc's key for a namespace, by its name for CRIU: "extRootNetNS"."""
    return f"extRoot{kind.capitalize()}NS"


def external_namespaces(spec: Spec) -> tuple[str, ...]:
    """Return what a dump is told of them. Raises OSError where one is gone."""
    return tuple(f"{kind}[{os.stat(path).st_ino}]:{key_of(kind)}" for kind, path in left_alone(spec))


def joined(spec: Spec) -> tuple[JoinedNamespace, ...]:
    """Return what CRIU joins at a restore. Raises NotSupported for a kind that it cannot join."""
    found = []
    for index, one in enumerate(spec.linux.namespaces):
        if not one.path or one.type in EXTERNAL:
            continue
        if one.type in ("cgroup", "mount"):
            told = f"cannot restore into namespace {one.path!r} (linux.namespaces.{index})"
            raise NotSupported(f"{told}: CRIU does not join a {one.type} namespace", step="criu")
        found.append(JoinedNamespace(FILES[one.type], one.path))
    return tuple(found)


# ── files ──


def streams(pid: int) -> list[str]:
    """Return what each of a process's streams is: "pipe:[INODE]", or "file[MOUNT:INODE]" for what is not in its mounts."""
    own = {int(line.split(" ")[0]) for line in _mountinfo(pid)}
    return [_stream(pid, number, own) for number in range(_STREAMS)]


def _stream(pid: int, number: int, own: set[int]) -> str:
    place = f"/proc/{pid}/fd/{number}"
    try:
        found = os.stat(place)
        if stat.S_ISREG(found.st_mode) or stat.S_ISCHR(found.st_mode):
            mount = _mount_of(pid, number)
            if mount not in own:
                return f"file[{mount:x}:{found.st_ino:x}]"
        return os.readlink(place)
    except FileNotFoundError:  # the payload has closed it
        return ""


def _mount_of(pid: int, number: int) -> int:
    with open(f"/proc/{pid}/fdinfo/{number}", encoding="ascii") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("mnt_id:"))


def handed_on(stream: str) -> bool:
    """Tell whether a restore puts one of its caller's streams in place of this one."""
    return stream.startswith(("pipe:[", "file["))


# ── cgroups ──


def membership(pid: int) -> dict[str, str]:
    """Return where a process is in each hierarchy that the kernel has, mounted or not, by controller (cgroups(7))."""
    return parse_membership(read_text(f"/proc/{pid}/cgroup"))


def cgroup_mode(asked: CgroupMode | None, cgroup: Cgroup, member: Mapping[str, str], layout: Layout) -> CgroupMode:
    """Return how CRIU is to treat cgroups. member: where the container's first process is, or will be.

    It saves and makes again what lies below the container's place in every hierarchy; where the container has no cgroup
    of its own in one (ADR 9), that is the cgroup of others. Then CRIU keeps away from all. Raises NotSupported.
    """
    mounts = {layout.v2, *layout.hierarchies.values()}
    shared = sorted(name for name, path in member.items() if not _is_own(path, cgroup, mounts))
    if not shared or asked is CgroupMode.IGNORE:
        return CgroupMode.SOFT if asked is None else asked
    if asked is None:
        return CgroupMode.IGNORE
    raise NotSupported(
        f"cannot manage cgroups by mode {asked.name.lower()!r}: the container has none of its own for {', '.join(shared)}",
        step="criu",
        hint="--manage-cgroups-mode ignore keeps it in its cgroup",
    )


def _is_own(path: str, cgroup: Cgroup, mounts: Container[str | None]) -> bool:
    """The whole path is the container's, in whatever hierarchy: one of others may end alike."""
    return path != "/" and any(one.endswith(path) and one.removesuffix(path) in mounts for one in cgroup.paths)
