"""The compiler: an OCI spec becomes a Plan. Pure: no file is read, nothing of the host is asked.

`compile_plan` is the list of phases; each phase is a small generator of operations.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING

from containerd_py.runtime.linux.mounts import MountAttr, Propagation
from containerd_py.runtime.plan import operations as op
from containerd_py.runtime.plan.plan import Plan
from containerd_py.runtime.spec.defaults import NETWORK_ANNOTATION, ROOTFS_ANNOTATION
from containerd_py.runtime.spec.mount_options import MountOptions, parse_options
from containerd_py.runtime.spec.process import CAPABILITIES, Process

if TYPE_CHECKING:
    from collections.abc import Iterator

    from containerd_py.runtime.plan.operations import Operation
    from containerd_py.runtime.seccomp.compile import SeccompFilter
    from containerd_py.runtime.spec.models import Mount, Spec

_DEVICES = (("null", 1, 3), ("zero", 1, 5), ("full", 1, 7), ("random", 1, 8), ("urandom", 1, 9), ("tty", 5, 0))
_SYMLINKS = (
    ("/dev/fd", "/proc/self/fd"),
    ("/dev/stdin", "/proc/self/fd/0"),
    ("/dev/stdout", "/proc/self/fd/1"),
    ("/dev/stderr", "/proc/self/fd/2"),
)
_PROPAGATION = {
    "private": Propagation.PRIVATE,
    "rprivate": Propagation.PRIVATE,
    "slave": Propagation.SLAVE,
    "rslave": Propagation.SLAVE,
}
# asm-generic/resource.h, equal on x86 and ARM
_RLIMITS = {
    "RLIMIT_CPU": 0,
    "RLIMIT_FSIZE": 1,
    "RLIMIT_DATA": 2,
    "RLIMIT_STACK": 3,
    "RLIMIT_CORE": 4,
    "RLIMIT_RSS": 5,
    "RLIMIT_NPROC": 6,
    "RLIMIT_NOFILE": 7,
    "RLIMIT_MEMLOCK": 8,
    "RLIMIT_AS": 9,
    "RLIMIT_LOCKS": 10,
    "RLIMIT_SIGPENDING": 11,
    "RLIMIT_MSGQUEUE": 12,
    "RLIMIT_NICE": 13,
    "RLIMIT_RTPRIO": 14,
    "RLIMIT_RTTIME": 15,
}
_UNLIMITED = 2**64 - 1
_DEFAULT_SEARCH = ("/bin", "/usr/bin")  # execvp(3) without PATH
_DEFAULT_UMASK = 0o022


@dataclass(frozen=True, slots=True)
class Placing:
    """What the parent decided: the root's path on the host, the container's id, how many v1 cgroups are to be joined."""

    rootfs: str
    container_id: str
    v1_cgroups: int


@dataclass(frozen=True, slots=True)
class _Mounting:
    key: int
    mount: Mount
    options: MountOptions


def compile_plan(spec: Spec, placing: Placing, seccomp: SeccompFilter | None) -> Plan:
    """Return the Plan of a validated spec. seccomp: the compiled filter of spec.linux.seccomp, None without one."""
    process = spec.process
    assert process is not None  # noqa: S101 - `validate` has refused it
    mounts = _options(spec)
    privileged_seccomp = seccomp is not None and not process.no_new_privileges
    steps = itertools.chain(
        _placement(spec, placing),
        _sources(mounts, masks=bool(spec.linux.masked_paths)),
        [op.AttachRoot(placing.rootfs, int(MountAttr.NODEV) if spec.annotations.get(ROOTFS_ANNOTATION) == "nodev" else 0)],
        _mounts(mounts),
        _devices(spec, mounts),
        [] if process.cwd == "/" else [op.MakeDirectory(process.cwd)],
        _console(process),
        _names(spec),
        [op.PivotRoot()],
        _protection(spec),
        _limits(process),
        [op.AttachStdio(process.terminal, process.user.uid)],
        # Without no_new_privs a filter needs CAP_SYS_ADMIN (seccomp(2)), so it comes before that is given up.
        _seccomp(seccomp) if privileged_seccomp else [],
        _identity(process),
        [op.ChangeDirectory(process.cwd), op.FindProgram(process.args[0], _search(process))],
        [op.SetNoNewPrivs()] if process.no_new_privileges else [],
        [op.AwaitStart()],
        [] if privileged_seccomp else _seccomp(seccomp),
        [op.Exec(process.args, process.env)],
    )
    return Plan(tuple(sorted(_namespaces(spec))), tuple(steps))


def _namespaces(spec: Spec) -> set[str]:
    return {namespace.type for namespace in spec.linux.namespaces}


def _placement(spec: Spec, placing: Placing) -> Iterator[Operation]:
    if placing.v1_cgroups:
        yield op.JoinCgroup(placing.v1_cgroups)
    yield op.ResetProcess(f"_ses.{placing.container_id}")
    if "cgroup" in _namespaces(spec):
        yield op.UnshareCgroup()
    name = spec.linux.rootfs_propagation or "rslave"
    yield op.SetPropagation(int(_PROPAGATION[name]), name)


def _options(spec: Spec) -> tuple[_Mounting, ...]:
    return tuple(
        _Mounting(key, mount, parse_options(mount.options, where=f"mounts.{key}", bind=mount.type == "bind"))
        for key, mount in enumerate(spec.mounts)
    )


def _sources(mounts: tuple[_Mounting, ...], *, masks: bool) -> Iterator[Operation]:
    """Everything that is named by a path of the host, before the root is entered (SECURITY R4)."""
    if masks:
        yield op.CloneNull()
    for key, mount, options in ((m.key, m.mount, m.options) for m in mounts):
        if options.bind:
            yield op.CloneTree(key, mount.source or "", options.recursive_bind)


def _mounts(mounts: tuple[_Mounting, ...]) -> Iterator[Operation]:
    for key, mount, options in ((m.key, m.mount, m.options) for m in mounts):
        if options.bind:
            yield op.AttachTree(
                key=key,
                source=mount.source or "",
                target=mount.destination,
                add=options.add,
                remove=options.remove,
                below_add=options.below_add,
                below_remove=options.below_remove,
                propagation=options.propagation,
                propagation_recursive=options.propagation_recursive,
            )
        else:
            fstype = mount.type or ""
            attributes = (options.below_add & ~options.remove) | options.add
            yield op.MountFilesystem(
                fstype, mount.source or fstype, mount.destination, options.data, attributes, options.propagation
            )


def _devices(spec: Spec, mounts: tuple[_Mounting, ...]) -> Iterator[Operation]:
    """The default devices and links; a /dev that is bound from the host is left as it is."""
    if any(m.options.bind and m.mount.destination.rstrip("/") == "/dev" for m in mounts):
        return
    asked = {device.path for device in spec.linux.devices}
    for name, major, minor in _DEVICES:
        if f"/dev/{name}" not in asked:
            yield op.MakeDevice(f"/dev/{name}", "c", major, minor, 0o666, 0, 0)
    for device in spec.linux.devices:
        mode = 0o666 if device.file_mode is None else device.file_mode
        kind = "c" if device.type == "u" else device.type
        yield op.MakeDevice(device.path, kind, device.major, device.minor, mode, device.uid or 0, device.gid or 0)
    for path, target in _SYMLINKS:
        yield op.MakeSymlink(path, target)
    if any(m.mount.type == "devpts" for m in mounts):
        yield op.MakeSymlink("/dev/ptmx", "pts/ptmx")


def _console(process: Process) -> Iterator[Operation]:
    if process.terminal:
        size = process.console_size
        yield op.OpenConsole(size.height if size else 0, size.width if size else 0, process.user.uid)


def _names(spec: Spec) -> Iterator[Operation]:
    if "network" in _namespaces(spec) and spec.annotations.get(NETWORK_ANNOTATION) != "none":
        yield op.LoopbackUp()
    if spec.hostname:
        yield op.SetHostname(spec.hostname)
    if spec.domainname:
        yield op.SetDomainname(spec.domainname)


def _protection(spec: Spec) -> Iterator[Operation]:
    if spec.root.readonly:
        yield op.ReadonlyRoot()
    yield from map(op.ReadonlyPath, spec.linux.readonly_paths)
    yield from map(op.MaskPath, spec.linux.masked_paths)


def _limits(process: Process) -> Iterator[Operation]:
    for limit in process.rlimits:
        soft, hard = (-1 if value == _UNLIMITED else value for value in (limit.soft, limit.hard))
        yield op.SetRlimit(limit.type, _RLIMITS[limit.type], soft, hard)


def _seccomp(seccomp: SeccompFilter | None) -> Iterator[Operation]:
    if seccomp is not None:
        yield op.LoadSeccomp(seccomp.program, seccomp.flags)


def _identity(process: Process) -> Iterator[Operation]:
    user, sets = process.user, process.capabilities
    if sets is not None:
        yield op.LimitBounding(_mask(sets.bounding))
    umask = _DEFAULT_UMASK if user.umask is None else user.umask
    yield op.SetIdentity(user.uid, user.gid, user.additional_gids, umask)
    if sets is not None:
        permitted, inheritable = _mask(sets.permitted), _mask(sets.inheritable)
        # The kernel takes no ambient capability beyond these (capabilities(7)); documents of runc ask for more.
        ambient = _mask(sets.ambient) & permitted & inheritable
        yield op.SetCapabilities(_mask(sets.effective), permitted, inheritable, ambient)


def _mask(names: tuple[str, ...]) -> int:
    return sum(1 << CAPABILITIES.index(name) for name in set(names))


def _search(process: Process) -> tuple[str, ...]:
    paths = [entry.removeprefix("PATH=") for entry in process.env if entry.startswith("PATH=")]
    return tuple(paths[-1].split(":")) if paths else _DEFAULT_SEARCH
