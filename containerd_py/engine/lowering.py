"""From the friendly form of a container to the OCI document that everything after sees (ADR 1)."""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING

from containerd_py.engine.own_thread import in_own_thread
from containerd_py.engine.scope import scope
from containerd_py.errors import InvalidArgument
from containerd_py.runtime.linux.paths import Resolve, openat2
from containerd_py.runtime.spec import defaults
from containerd_py.runtime.spec.linux import Linux
from containerd_py.runtime.spec.models import Mount, Root, Spec
from containerd_py.runtime.spec.process import Process, User
from containerd_py.runtime.spec.resources import Cpu, DeviceRule, Memory, Pids, Resources
from containerd_py.runtime.spec.seccomp_profile import default_profile
from containerd_py.runtime.spec.users import ResolvedUser, resolve_user

if TYPE_CHECKING:
    from collections.abc import Mapping

    from containerd_py.runtime.linux.fd import Fd
    from containerd_py.wire import ContainerSpec, MountSpec

_ROOT = ResolvedUser(0, 0, (), "/root")
_SHORT_ID = 12
_AT_FDCWD = -100
_HINTS = {errno.ELOOP: "a root file system must not be, or lie behind, a symlink: give its real path"}
_PERIOD_US = 100_000  # the kernel's own default (cgroup-v2.rst, "cpu.max")
_LEAST_QUOTA_US = 1_000


async def lower(request: ContainerSpec, container_id: str, *, device_rules: bool) -> Spec:
    """Return the OCI document of a friendly spec.

    device_rules: this host can enforce a list of devices, so none but the default ones is allowed.
    Raises InvalidArgument, NotSupported.
    """
    check_environment(request.env)
    user = _ROOT if request.user is None else await in_own_thread(_resolve, request.rootfs, request.user)
    return Spec(
        root=Root(path=request.rootfs, readonly=request.read_only),
        process=_process(request, user, _hostname(request, container_id)),
        hostname=_hostname(request, container_id),
        mounts=_mounts(request.mounts),
        annotations=_annotations(request),
        linux=Linux(
            namespaces=defaults.namespaces(network=request.network != "host"),
            resources=_resources(request, device_rules=device_rules),
            seccomp=default_profile(),
            masked_paths=defaults.MASKED_PATHS,
            readonly_paths=defaults.READONLY_PATHS,
        ),
    )


def _annotations(request: ContainerSpec) -> dict[str, str]:
    """The caller's, and what an OCI document has no word for. Raises InvalidArgument for a key that is not the caller's.

    An image may hold nodes of the host's devices: they stay files.
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
    return request.annotations | {defaults.ROOTFS_ANNOTATION: "nodev"} | network | sources


def check_environment(variables: Mapping[str, str]) -> None:
    """A name with "=" in it would become another variable. Raises InvalidArgument."""
    for name in variables:
        if not name or "=" in name:
            raise InvalidArgument(f"cannot set environment variable {name!r}: a name is needed, without '='", step="lower")


def _resolve(rootfs: str, text: str) -> ResolvedUser:
    """Blocking."""
    with open_root(rootfs) as root:
        return resolve_user(root.fileno(), text)


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
    return container_id[:_SHORT_ID] if request.hostname is None else request.hostname


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
        capabilities=defaults.capabilities(),
        no_new_privileges=True,
    )


def _mounts(asked: tuple[MountSpec, ...]) -> tuple[Mount, ...]:
    """The default mounts and then what is asked for; what is asked for on the target of a default one takes its place.

    In its place, since something on /dev must come before /dev/pts.
    """
    instead = {_target(mount): _mount(mount) for mount in asked}
    standing = {mount.destination for mount in defaults.mounts()}
    first = tuple(instead.get(mount.destination, mount) for mount in defaults.mounts())
    return first + tuple(_mount(mount) for mount in asked if _target(mount) not in standing)


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


def _resources(request: ContainerSpec, *, device_rules: bool) -> Resources | None:
    asked = request.resources
    limits = Resources(
        pids=None if asked.pids is None else Pids(limit=asked.pids),
        memory=None if asked.memory_bytes is None else Memory(limit=asked.memory_bytes),
        cpu=None if asked.cpus is None else cpu_limit(asked.cpus),
        devices=(DeviceRule(allow=False, access="rwm"),) if device_rules else (),
    )
    return None if limits == Resources() else limits


def cpu_limit(cpus: float) -> Cpu:
    """As much time in each period as so many CPUs have in it; the kernel takes a millisecond at least."""
    quota = round(cpus * _PERIOD_US)
    if quota < _LEAST_QUOTA_US:
        raise InvalidArgument(
            f"cannot limit a container to {cpus} CPUs: the least is {_LEAST_QUOTA_US / _PERIOD_US}", step="lower"
        )
    return Cpu(quota=quota, period=_PERIOD_US)
