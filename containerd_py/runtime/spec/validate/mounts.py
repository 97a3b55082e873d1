"""Mounts and other paths of the root file system."""

from __future__ import annotations

from typing import TYPE_CHECKING

from containerd_py.runtime.spec.mount_options import parse_options
from containerd_py.runtime.spec.validate.problem import Problem

if TYPE_CHECKING:
    from collections.abc import Iterator

    from containerd_py.runtime.spec.models import Spec

_LXCFS = (  # the files of /proc that lxcfs provides; nothing else may be mounted there (SECURITY R6)
    *("/proc/cpuinfo", "/proc/diskstats", "/proc/meminfo", "/proc/stat", "/proc/swaps", "/proc/uptime"),
    *("/proc/loadavg", "/proc/slabinfo", "/proc/net/dev"),
)


def mount_problems(spec: Spec) -> Iterator[Problem]:
    for index, mount in enumerate(spec.mounts):
        where = f"mounts.{index}"
        parts = mount.destination.split("/")
        if not mount.destination.startswith("/") or ".." in parts:
            yield Problem(f"{where}.destination", f"must be absolute and without '..', not {mount.destination!r}")
        if mount.destination.strip("/") == "":
            yield Problem(f"{where}.destination", "must not be the root")
        if _below_proc(mount.destination):
            yield Problem(f"{where}.destination", f"{mount.destination!r} lies inside /proc")
        options = parse_options(mount.options, where=f"{where}.options", bind=mount.type == "bind")
        if options.bind and not mount.source:
            yield Problem(f"{where}.source", "a bind needs a source")
        if not options.bind and not mount.type:
            yield Problem(f"{where}.type", "is missing")
        if mount.uid_mappings or mount.gid_mappings:
            yield Problem(f"{where}.uidMappings", "idmapped mounts", supported=False)
        if mount.type in ("cgroup", "cgroup2"):
            yield Problem(f"{where}.type", "mounting cgroups", supported=False)


def _below_proc(path: str) -> bool:
    parts = [part for part in path.split("/") if part not in ("", ".")]
    return len(parts) > 1 and parts[0] == "proc" and "/" + "/".join(parts) not in _LXCFS


def path_problems(spec: Spec) -> Iterator[Problem]:
    for name, paths in (("maskedPaths", spec.linux.masked_paths), ("readonlyPaths", spec.linux.readonly_paths)):
        for index, path in enumerate(paths):
            if not path.startswith("/"):
                yield Problem(f"linux.{name}.{index}", f"must be absolute, not {path!r}")
    for index, device in enumerate(spec.linux.devices):
        if not device.path.startswith("/") or ".." in device.path.split("/"):
            yield Problem(f"linux.devices.{index}.path", f"must be absolute and without '..', not {device.path!r}")
    cgroup = spec.linux.cgroups_path
    if cgroup is not None and (not cgroup.strip("/") or ".." in cgroup.split("/")):
        yield Problem("linux.cgroupsPath", f"must name a cgroup, without '..', not {cgroup!r}")
    if not spec.root.path:
        yield Problem("root.path", "is empty")


def propagation_problems(spec: Spec) -> Iterator[Problem]:
    wanted = spec.linux.rootfs_propagation
    if wanted in ("shared", "rshared", "unbindable", "runbindable"):
        yield Problem("linux.rootfsPropagation", wanted, supported=False)
    elif wanted not in (None, "", "private", "rprivate", "slave", "rslave"):
        yield Problem("linux.rootfsPropagation", f"unknown propagation {wanted!r}")
