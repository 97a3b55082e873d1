"""Mounts and other paths of the root file system."""

from __future__ import annotations

from containerd_py.runtime.spec.mount_options import BadOption, MountOptions, read_options
from containerd_py.runtime.spec.validate.namespaces import range_problems
from containerd_py.runtime.spec.validate.problem import Problem

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from containerd_py.runtime.spec.linux import Device
    from containerd_py.runtime.spec.models import Mount, Spec

_LXCFS = (  # what lxcfs provides in place of the kernel's; nothing else may be mounted inside /proc (SECURITY R6)
    *("/proc/cpuinfo", "/proc/diskstats", "/proc/meminfo", "/proc/stat", "/proc/swaps", "/proc/uptime"),
    *("/proc/loadavg", "/proc/slabinfo", "/proc/sys/kernel/ns_last_pid", "/proc/sys/crypto/fips_enabled"),
)
_PROPAGATIONS = ("private", "slave", "shared", "unbindable")
_LONGEST_VALUE = 255  # fsconfig(2) takes no more; mount(2) takes a page for all options together


def mount_problems(spec: Spec) -> Iterator[Problem]:
    for index, mount in enumerate(spec.mounts):
        where = f"mounts.{index}"
        try:
            options = read_options(mount.options, bind=mount.type == "bind")
        except BadOption as problem:
            yield Problem(f"{where}.options", str(problem), supported=problem.supported)
            continue
        yield from _destination_problems(where, mount, options)
        yield from _source_problems(where, mount, options)
        yield from _idmap_problems(where, mount, options, spec)
        if not options.bind:
            yield from _filesystem_problems(where, mount, options, spec)


def _destination_problems(where: str, mount: Mount, options: MountOptions) -> Iterator[Problem]:
    parts = _parts(mount.destination)
    if ".." in parts:
        yield Problem(f"{where}.destination", f"must be without '..', not {mount.destination!r}")
    if not parts:
        yield Problem(f"{where}.destination", "must not be the root")
    if options.remount:
        return
    if parts[:1] == ["proc"] and len(parts) > 1 and "/" + "/".join(parts) not in _LXCFS:
        yield Problem(f"{where}.destination", f"{mount.destination!r} lies inside /proc")
    if parts == ["proc"] and not options.bind and mount.type != "proc":
        yield Problem(f"{where}.type", f"only proc may be mounted on /proc, not {mount.type!r}")


def _source_problems(where: str, mount: Mount, options: MountOptions) -> Iterator[Problem]:
    if options.bind and not options.remount and not mount.source:
        yield Problem(f"{where}.source", "a bind needs a source")
    if not options.bind and not options.remount and not mount.type:
        yield Problem(f"{where}.type", "is missing")


def _idmap_problems(where: str, mount: Mount, options: MountOptions, spec: Spec) -> Iterator[Problem]:
    """config.md: both mappings or none; without one the container's user namespace must have some."""
    given = bool(mount.uid_mappings), bool(mount.gid_mappings)
    if any(given) and not all(given):
        missing = "gidMappings" if given[0] else "uidMappings"
        yield Problem(f"{where}.{missing}", "is missing: the other one is given")
    if any(given) and (not options.bind or options.remount):
        yield Problem(f"{where}.uidMappings", "only a bind can be idmapped")
    if any(given) and options.idmap is not None and options.idmap.uids:
        yield Problem(f"{where}.options", "option 'idmap' has ranges, and there are uidMappings too")
    if options.idmap is not None and not any(given) and not options.idmap.uids and not _has_user_namespace(spec):
        yield Problem(f"{where}.options", "option 'idmap' needs uidMappings, or a user namespace of the container")
    yield from range_problems(f"{where}.uidMappings", mount.uid_mappings)
    yield from range_problems(f"{where}.gidMappings", mount.gid_mappings)


def _has_user_namespace(spec: Spec) -> bool:
    joined = any(namespace.type == "user" and namespace.path for namespace in spec.linux.namespaces)
    return joined or bool(spec.linux.uid_mappings)


def _filesystem_problems(where: str, mount: Mount, options: MountOptions, spec: Spec) -> Iterator[Problem]:
    if options.copy_up and mount.type != "tmpfs":
        yield Problem(f"{where}.options", f"option 'tmpcopyup' is for a tmpfs, not for {mount.type!r}")
    for key, value in options.data:
        if value is not None and len(value.encode(errors="surrogateescape")) > _LONGEST_VALUE:
            yield Problem(f"{where}.options", f"option {key!r}: longer than {_LONGEST_VALUE} bytes", supported=False)
        yield from _owner_problems(where, key, value, spec)
    if mount.type == "sysfs" and _has_foreign_network(spec) and not _is_readonly(options):
        yield Problem(
            f"{where}.options", "sysfs can only be 'ro' where the user namespace has no network namespace of its own"
        )


def _owner_problems(where: str, key: str, value: str | None, spec: Spec) -> Iterator[Problem]:
    """An owner that the user namespace has no id for: gid=5 of devpts, mostly."""
    mappings = {"uid": spec.linux.uid_mappings, "gid": spec.linux.gid_mappings}.get(key, ())
    if not mappings or value is None or not (value.isascii() and value.isdigit()):
        return
    if not any(one.container_id <= int(value) < one.container_id + one.size for one in mappings):
        yield Problem(
            f"{where}.options",
            f"option '{key}={value}': the user namespace maps no such id; leave it out, or map it in linux.{key}Mappings",
        )


def _has_foreign_network(spec: Spec) -> bool:
    """Tell whether a new user namespace lives with a network namespace that it does not own: then sysfs is EPERM."""
    kinds = {namespace.type: namespace.path or "" for namespace in spec.linux.namespaces}
    is_new = "user" in kinds and not kinds["user"]
    return is_new and ("network" not in kinds or bool(kinds["network"]))


def _is_readonly(options: MountOptions) -> bool:
    return bool(((options.below_add & ~options.remove) | options.add) & 1)


def _parts(path: str) -> list[str]:
    return [part for part in path.split("/") if part not in ("", ".")]


def path_problems(spec: Spec) -> Iterator[Problem]:
    for name, paths in (("maskedPaths", spec.linux.masked_paths), ("readonlyPaths", spec.linux.readonly_paths)):
        for index, path in enumerate(paths):
            if not path.startswith("/"):
                yield Problem(f"linux.{name}.{index}", f"must be absolute, not {path!r}")
    cgroup = spec.linux.cgroups_path
    if cgroup is not None and (not cgroup.strip("/") or ".." in cgroup.split("/")):
        yield Problem("linux.cgroupsPath", f"must name a cgroup, without '..', not {cgroup!r}")
    if not spec.root.path:
        yield Problem("root.path", "is empty")


def device_problems(spec: Spec) -> Iterator[Problem]:
    """A device may be named twice if nothing differs: `ctr run --privileged --device` does."""
    seen: dict[tuple[str, ...], int] = {}
    for index, device in enumerate(spec.linux.devices):
        where = f"linux.devices.{index}"
        parts = tuple(_parts(device.path))
        if not device.path.startswith("/") or ".." in parts:
            yield Problem(f"{where}.path", f"must be absolute and without '..', not {device.path!r}")
        elif not parts:
            yield Problem(f"{where}.path", "must not be the root")
        if parts in seen and device != spec.linux.devices[seen[parts]]:
            yield Problem(f"{where}.path", f"is that of linux.devices.{seen[parts]} already")
        seen[parts] = index
        yield from _number_problems(where, device)


def _number_problems(where: str, device: Device) -> Iterator[Problem]:
    """config-linux.md: major and minor are for all but fifos."""
    for name in ("major", "minor"):
        if device.type != "p" and name not in device.given:
            yield Problem(f"{where}.{name}", f"is missing: a device of type {device.type!r} has one")


def propagation_problems(spec: Spec) -> Iterator[Problem]:
    wanted = spec.linux.rootfs_propagation
    if wanted and wanted.removeprefix("r") not in _PROPAGATIONS:
        yield Problem("linux.rootfsPropagation", f"unknown propagation {wanted!r}")
