"""Intel RDT: classes of service for caches and memory bandwidth, by the resctrl file system (config-linux.md, "IntelRdt").

A class is a directory of it; the kernel fills it with files, and takes it away by rmdir, files and all. Done on the
parent's side, between the worker's fork and its becoming the payload.
"""

from __future__ import annotations

import errno
import os
from contextlib import ExitStack, contextmanager, suppress

from containerd_py.errors import Conflict, ContainerdError, InvalidArgument, NotFound, NotSupported, Unavailable
from containerd_py.light.dataclasses import dataclass
from containerd_py.runtime.linux.fd import Fd
from containerd_py.runtime.linux.proc_text import lines, plain, read_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from containerd_py.runtime.spec.linux import IntelRdt

_MONITORING_GROUPS = "mon_groups"


@dataclass(frozen=True)
class RdtGroup:
    """Where a container's processes are put. made: directories of its own, which `remove` takes away, in that order.

    A class that the document names by closID is not among them: others may use it, and it stays, as with runc.
    """

    path: str
    monitoring: str | None = None
    made: tuple[str, ...] = ()


def find_resctrl() -> str | None:
    """Return where resctrl is mounted, as the caller sees it; None where it is not."""
    for line in lines(read_text("/proc/self/mountinfo")):
        before, _separator, after = line.partition(" - ")
        if after.startswith("resctrl "):
            return plain(before.split(" ")[4])
    return None


def mounted(resctrl: str | None) -> str:
    """Return what `find_resctrl` said. Raises NotSupported where that is nothing."""
    if resctrl is None:
        raise NotSupported(
            "cannot use linux.intelRdt: resctrl is not mounted on this host",
            step="intel_rdt",
            hint="mount it on /sys/fs/resctrl where the processor and the kernel have it",
        )
    return resctrl


def make_group(resctrl: str | None, container_id: str, rdt: IntelRdt) -> RdtGroup:
    """Make or find the container's class of service, and give it its share. resctrl: what `find_resctrl` said.

    Raises NotSupported without resctrl; NotFound, InvalidArgument for a class that is not there, or is there and shares
    otherwise; Conflict for another container's; then nothing is left.
    """
    group = group_of(mounted(resctrl), container_id, rdt)
    with ExitStack() as undo:
        made = _made(group.path, rdt)
        if made:
            undo.callback(_remove, group.path)
        _share(group.path, rdt, compare=not made)
        if group.monitoring is not None:
            with _told(group.monitoring, "make"):
                os.mkdir(group.monitoring)
        undo.pop_all()
    return group


def group_of(resctrl: str, container_id: str, rdt: IntelRdt) -> RdtGroup:
    """Return where `make_group` puts a container."""
    name = container_id if rdt.clos_id is None else rdt.clos_id.strip("/")
    path = os.path.join(resctrl, name).rstrip("/")
    monitored = rdt.enable_monitoring or rdt.enable_cmt or rdt.enable_mbm
    monitoring = f"{path}/{_MONITORING_GROUPS}/{container_id}" if monitored else None
    own = (path,) if rdt.clos_id is None else ()
    return RdtGroup(path, monitoring, (*((monitoring,) if monitoring else ()), *own))


def join(group: RdtGroup, pid: int) -> None:
    """Put a process, which must be behind a pidfd of the caller's meanwhile, and its future children into the group."""
    for path in (group.path, group.monitoring):
        if path is not None:
            with _told(path, f"put process {pid} into"):
                _write(f"{path}/tasks", str(pid))


def change_share(group: RdtGroup, rdt: IntelRdt) -> None:
    """Give the class of a container the schemas of `rdt`; what they do not name stays. Others in the class get them too."""
    _share(group.path, rdt, compare=False)


def remove(group: RdtGroup) -> None:
    """Take away what `make_group` made; what others made stays. A second call does nothing."""
    for path in group.made:
        _remove(path)


def schemata(rdt: IntelRdt) -> tuple[str, ...]:
    """Return the lines for the schemata file, in their order: l3CacheSchema's and memBwSchema's, then schemata's."""
    lines = (rdt.l3_cache_schema or "").split("\n")
    if rdt.mem_bw_schema is not None:
        lines = [line for line in lines if not line.startswith("MB:")] + [rdt.mem_bw_schema]
    return (*filter(None, map(str.strip, lines)), *rdt.schemata)


def _made(path: str, rdt: IntelRdt) -> bool:
    """Make the class; False where it is there. One that is named without a share must be there."""
    if rdt.clos_id is not None and not schemata(rdt) and not os.path.isdir(path):
        raise NotFound(
            f"cannot use linux.intelRdt.closID {rdt.clos_id!r}: there is no {path}",
            step="intel_rdt",
            hint="make the class of service first, or give its share in linux.intelRdt.schemata",
        )
    with _told(path, "make"):
        try:
            os.mkdir(path)
        except FileExistsError:
            if rdt.clos_id is None:
                raise
            return False
    return True


def _share(path: str, rdt: IntelRdt, *, compare: bool) -> None:
    """A class that others made is compared with, not changed: except by `schemata`, which the specification writes."""
    lines = schemata(rdt)
    if compare:
        lines = lines[: len(lines) - len(rdt.schemata)]
        _compare(path, lines)
        lines = rdt.schemata
    if lines:
        with _told(path, "share by"):
            _write(f"{path}/schemata", "".join(f"{line}\n" for line in lines))


def _compare(path: str, lines: tuple[str, ...]) -> None:
    with _told(path, "read"), open(f"{path}/schemata", encoding="ascii", errors="replace") as file:
        found = dict(map(_parsed, filter(str.strip, file)))
    for line in lines:
        resource, wanted = _parsed(line)
        if not wanted.items() <= found.get(resource, {}).items():
            raise InvalidArgument(
                f"cannot use class of service {path} (linux.intelRdt): it has another share than {line!r}",
                step="intel_rdt",
                hint="leave out the schema to take the class as it is, or name another linux.intelRdt.closID",
            )


def _parsed(line: str) -> tuple[str, dict[str, str]]:
    """Return ("L3", {"0": "7f"}) for "    L3:0=07f": the kernel pads what it prints."""
    resource, _colon, shares = line.strip().partition(":")
    pairs = (share.partition("=") for share in shares.split(";"))
    return resource, {domain.strip(): value.strip().lower().lstrip("0") or "0" for domain, _equals, value in pairs}


def _write(path: str, text: str) -> None:
    with Fd(os.open(path, os.O_WRONLY | os.O_CLOEXEC)) as file:
        os.write(file.fileno(), text.encode())


def _remove(path: str) -> None:
    with suppress(FileNotFoundError):
        os.rmdir(path)


@contextmanager
def _told(path: str, verb: str) -> Iterator[None]:
    try:
        yield
    except OSError as problem:
        raise _error(f"cannot {verb} class of service {path} (linux.intelRdt): {problem.strerror}", problem) from problem


def _error(message: str, problem: OSError) -> ContainerdError:
    """ENOSPC is the processor's: it has a fixed number of classes and of monitoring groups."""
    kind, hint = _MEANINGS.get(problem.errno or 0, (Unavailable, "resctrl's info/last_cmd_status tells more"))
    return kind(message, step="intel_rdt", errno=problem.errno, hint=hint)


_MEANINGS: dict[int, tuple[type[ContainerdError], str]] = {
    errno.ENOENT: (NotSupported, "the processor may not have this"),
    errno.EEXIST: (Conflict, "a container of this id uses it, or did so once: remove it, or take another id"),
    errno.EINVAL: (InvalidArgument, "resctrl's info/last_cmd_status tells more"),
    errno.ENODEV: (InvalidArgument, "the processor may not have this"),
}
