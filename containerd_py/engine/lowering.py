"""From the friendly form of a container to the OCI document that everything after sees (ADR 1)."""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING

from containerd_py.engine import capabilities
from containerd_py.engine.host_devices import Devices, devices
from containerd_py.engine.limits import resources
from containerd_py.engine.own_thread import in_own_thread
from containerd_py.engine.scope import scope
from containerd_py.errors import InvalidArgument
from containerd_py.light.dataclasses import replace
from containerd_py.runtime.linux.paths import Resolve, openat2
from containerd_py.runtime.spec import defaults
from containerd_py.runtime.spec.linux import Linux
from containerd_py.runtime.spec.models import Mount, Root, Spec
from containerd_py.runtime.spec.process import RLIMITS, Process, Rlimit, User
from containerd_py.runtime.spec.resources import DeviceRule, Resources
from containerd_py.runtime.spec.seccomp_profile import profile_for
from containerd_py.runtime.spec.users import ResolvedUser, resolve_groups, resolve_user

if TYPE_CHECKING:
    from collections.abc import Mapping

    from containerd_py.runtime.linux.fd import Fd
    from containerd_py.wire import ContainerSpec, MountSpec, Ulimit

_ROOT = ResolvedUser(0, 0, (), "/root")
_SHORT_ID = 12
_AT_FDCWD = -100
_HINTS = {errno.ELOOP: "a root file system must not be, or lie behind, a symlink: give its real path"}
_SHM = "/dev/shm"  # noqa: S108 - the container's, not a file of ours
_INFINITY = 2**64 - 1  # RLIM_INFINITY


async def lower(request: ContainerSpec, container_id: str, *, device_rules: bool) -> Spec:
    """Return the OCI document of a friendly spec.

    device_rules: this host can enforce a list of devices, so none but the default ones, and those asked for, is allowed.
    Raises InvalidArgument, NotSupported.
    """
    check_environment(request.env)
    user = _ROOT
    if request.user is not None or request.additional_groups:
        user = await in_own_thread(_resolve, request)
    found = Devices()
    if request.privileged or request.devices:
        found = await in_own_thread(devices, request)
    hostname = _hostname(request, container_id)
    return Spec(
        root=Root(path=request.rootfs, readonly=request.read_only),
        process=_process(request, user, hostname),
        hostname=None if request.uts == "host" and request.hostname is None else hostname,
        mounts=_mounts(request),
        annotations=_annotations(request),
        linux=_linux(request, found, device_rules=device_rules),
    )


def _linux(request: ContainerSpec, found: Devices, *, device_rules: bool) -> Linux:
    shared = {name for name in ("network", "pid", "ipc", "uts", "cgroup") if getattr(request, name) == "host"}
    unmasked = request.privileged or request.system_paths == "unconfined"
    unfiltered = request.privileged or request.seccomp == "unconfined"
    return Linux(
        namespaces=tuple(one for one in defaults.namespaces() if one.type not in shared),
        devices=found.nodes,
        resources=_resources(request, found, device_rules=device_rules),
        sysctl=request.sysctls or None,
        seccomp=None if unfiltered else profile_for(capabilities.chosen(request).bounding),
        masked_paths=() if unmasked else defaults.MASKED_PATHS,
        readonly_paths=() if unmasked else defaults.READONLY_PATHS,
    )


def _annotations(request: ContainerSpec) -> dict[str, str]:
    """The caller's, and what an OCI document has no word for. Raises InvalidArgument for a key that is not the caller's.

    An image may hold nodes of the host's devices: they stay files, but for one who has all devices anyway.
    """
    for key in request.annotations:
        if not key or key.startswith(defaults.OWN_ANNOTATIONS):
            cause = "a key is needed" if not key else "it is the daemon's own"
            raise InvalidArgument(
                f"cannot annotate with {key!r}: {cause}",
                step="lower",
                hint="init, network and the like are fields of the request",
            )
    network = {defaults.NETWORK_ANNOTATION: "none"} if request.network == "none" else {}
    sources = {defaults.SOURCES_ANNOTATION: "no-symlinks"} if scope().limited else {}
    nodes = {} if request.privileged else {defaults.ROOTFS_ANNOTATION: "nodev"}
    return request.annotations | nodes | network | sources


def check_environment(variables: Mapping[str, str]) -> None:
    """A name with "=" in it would become another variable. Raises InvalidArgument."""
    for name in variables:
        if not name or "=" in name:
            raise InvalidArgument(f"cannot set environment variable {name!r}: a name is needed, without '='", step="lower")


def _resolve(request: ContainerSpec) -> ResolvedUser:
    """Blocking."""
    with open_root(request.rootfs) as root:
        user = _ROOT if request.user is None else resolve_user(root.fileno(), request.user)
        groups = resolve_groups(root.fileno(), request.additional_groups)
        return replace(user, additional_gids=tuple(dict.fromkeys((*user.additional_gids, *groups))))


def open_root(rootfs: str) -> Fd:
    """Blocking: a root may lie on anything. Raises InvalidArgument.

    Without symlinks, as the worker of a start opens it: what may lie above it is another container's to change.
    """
    try:
        return openat2(_AT_FDCWD, rootfs, os.O_PATH | os.O_DIRECTORY, 0, Resolve.NO_SYMLINKS)
    except OSError as problem:
        raise InvalidArgument(
            f"cannot use root file system {rootfs!r}: {os.strerror(problem.errno or 0)}",
            step="rootfs",
            errno=problem.errno,
            hint=_HINTS.get(problem.errno or 0),
        ) from problem


def _hostname(request: ContainerSpec, container_id: str) -> str:
    if request.hostname is not None:
        return request.hostname
    return os.uname().nodename if request.uts == "host" else container_id[:_SHORT_ID]


def _process(request: ContainerSpec, user: ResolvedUser, hostname: str) -> Process:
    environment = {"PATH": defaults.PATH, "HOSTNAME": hostname, "HOME": user.home}
    if request.terminal:
        environment["TERM"] = "xterm"
    environment |= request.env
    return Process(
        terminal=request.terminal,
        args=request.args,
        env=tuple(f"{name}={value}" for name, value in environment.items()),
        cwd=request.cwd,
        user=User(uid=user.uid, gid=user.gid, additional_gids=user.additional_gids),
        capabilities=capabilities.chosen(request),
        no_new_privileges=request.no_new_privileges and not request.privileged,
        rlimits=tuple(_rlimit(name, limit) for name, limit in request.ulimits.items()),
        oom_score_adj=request.oom_score_adj,
    )


def _rlimit(name: str, limit: Ulimit) -> Rlimit:
    kind = "RLIMIT_" + name.upper()
    if kind not in RLIMITS:
        known = ", ".join(one.removeprefix("RLIMIT_").lower() for one in RLIMITS)
        raise InvalidArgument(
            f"cannot limit a process by {name!r}: there is no such limit", step="lower", hint=f"there are {known}"
        )
    soft, hard = (_INFINITY if value == -1 else value for value in (limit.soft, limit.hard))
    return Rlimit(type=kind, soft=soft, hard=hard)


def _mounts(request: ContainerSpec) -> tuple[Mount, ...]:
    """The default mounts and then what is asked for; what is asked for on the target of a default one takes its place.

    In its place, since something on /dev must come before /dev/pts.
    """
    asked, usual = request.mounts, tuple(_usual(request, mount) for mount in defaults.mounts())
    instead = {_target(mount): _mount(mount) for mount in asked}
    standing = {mount.destination for mount in usual}
    first = tuple(instead.get(mount.destination, mount) for mount in usual)
    return first + tuple(_mount(mount) for mount in asked if _target(mount) not in standing)


def _usual(request: ContainerSpec, mount: Mount) -> Mount:
    """Return a default mount as this container has it."""
    if mount.destination == _SHM and request.ipc == "host":
        return Mount(destination=_SHM, type="bind", source=_SHM, options=("rbind", "nosuid", "nodev", "noexec"))
    if mount.destination == _SHM and request.shm_size_bytes is not None:
        kept = (option for option in mount.options if not option.startswith("size="))
        return mount.replace(options=(*kept, f"size={request.shm_size_bytes}"))
    if mount.destination == "/sys" and request.privileged:
        return mount.replace(options=tuple(option for option in mount.options if option != "ro"))
    return mount


def _target(asked: MountSpec) -> str:
    return "/" + os.path.normpath(asked.target).lstrip("/")


def _mount(asked: MountSpec) -> Mount:
    kind = asked.type or ("bind" if asked.source is not None else None)
    if kind is None:
        raise InvalidArgument(f"cannot mount on {asked.target!r}: neither source nor type is given", step="lower")
    if kind == "bind" and not (asked.source or "").startswith("/"):
        raise InvalidArgument(
            f"cannot mount on {asked.target!r}: a bind's source must be an absolute path, not {asked.source!r}",
            step="lower",
        )
    options = asked.options
    if kind == "bind" and not {"bind", "rbind"} & set(options):
        options = ("rbind", *options)
    return Mount(destination=asked.target, source=asked.source or kind, type=kind, options=options)


def _resources(request: ContainerSpec, found: Devices, *, device_rules: bool) -> Resources | None:
    limits = resources(request.resources)
    if device_rules:
        nothing = () if request.privileged else (DeviceRule(allow=False, access="rwm"),)
        limits = limits.replace(devices=(*nothing, *found.rules))
    return None if limits == Resources() else limits
