"""What runc keeps in a container's `state.json`, by runc's names: programs beside a runtime read it there.

Of runc's `config` those parts that a document gives as they are; hooks, devices and filters are in `config.json` only.
Written when the container is created, and anew when its limits are changed.
"""

from __future__ import annotations

import os

from containerd_py.light import contextlib
from containerd_py.runtime.spec.mount_options import read_options

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from containerd_py.runtime.cgroups.cgroup import Cgroup
    from containerd_py.runtime.cgroups.layout import Layout
    from containerd_py.runtime.spec.linux import IdMapping
    from containerd_py.runtime.spec.models import Mount, Spec
    from containerd_py.runtime.spec.process import Process
    from containerd_py.runtime.spec.resources import Resources

_NAMESPACES = {
    "mount": "NEWNS",
    "pid": "NEWPID",
    "network": "NEWNET",
    "ipc": "NEWIPC",
    "uts": "NEWUTS",
    "user": "NEWUSER",
    "cgroup": "NEWCGROUP",
    "time": "NEWTIME",
}
_FILES = {"mount": "mnt", "network": "net"}  # in /proc/PID/ns; the others are named as in the specification
_START_TIME = 22  # field of /proc/PID/stat (proc_pid_stat(5))
# mount(2); runc keeps the flags as numbers
_FLAGS = {
    "ro": 1,
    "nosuid": 2,
    "nodev": 4,
    "noexec": 8,
    "sync": 16,
    "remount": 32,
    "mand": 64,
    "dirsync": 128,
    "noatime": 1 << 10,
    "nodiratime": 1 << 11,
    "bind": 1 << 12,
    "rbind": 1 << 12 | 1 << 14,
    "relatime": 1 << 21,
    "strictatime": 1 << 24,
}


def of_process(pid: int) -> dict[str, Any]:
    """Return what tells of the first process: pid, start time in clock ticks, namespaces."""
    places = {kind: f"/proc/{pid}/ns/{_FILES.get(kind, kind)}" for kind in _NAMESPACES}
    return {
        "init_process_pid": pid,
        "init_process_start": _start_ticks(pid),
        "namespace_paths": {_NAMESPACES[kind]: path for kind, path in places.items() if os.path.lexists(path)},
    }


def descriptors(pid: int) -> dict[str, Any]:
    """Return what its streams are.

    Those of a process in a user namespace, or another user's, may not be ours to see: then they are left out.
    """
    with contextlib.suppress(OSError):
        return {"external_descriptors": [os.readlink(f"/proc/{pid}/fd/{number}") for number in range(3)]}
    return {}


def of_container(
    spec: Spec,
    container_id: str,
    *,
    bundle: str,
    rootfs: str,
    cgroup: Cgroup,
    layout: Layout,
    new_keyring: bool = True,
) -> dict[str, Any]:
    """Return the rest."""
    found: dict[str, Any] = {
        "rootless": os.geteuid() != 0,
        "cgroup_paths": cgroup_paths(cgroup, layout),
        "config": _config(spec, bundle, rootfs, cgroup) | {"no_new_keyring": not new_keyring},
    }
    if spec.linux.intel_rdt is not None:
        from containerd_py.runtime import intel_rdt

        resctrl = intel_rdt.find_resctrl()
        if resctrl is not None:
            found["intel_rdt_path"] = intel_rdt.group_of(resctrl, container_id, spec.linux.intel_rdt).path
    return found


def cgroup_paths(cgroup: Cgroup, layout: Layout) -> dict[str, str]:
    """Return the directories by the controller's name in cgroup v1; that of cgroup v2 has the name ""."""
    found = {
        controller: path
        for controller, mount in sorted(layout.hierarchies.items())
        for path in cgroup.v1
        if path.startswith(f"{mount}/")
    }
    return found | ({"": cgroup.v2} if cgroup.v2 else {})


def limits(resources: Resources) -> dict[str, Any]:
    """Return those limits that are asked for, as runc's `config.cgroups` has them."""
    memory, cpu, pids = resources.memory, resources.cpu, resources.pids
    asked = {
        "memory": memory and memory.limit,
        "memory_reservation": memory and memory.reservation,
        "memory_swap": memory and memory.swap,
        "cpu_shares": cpu and cpu.shares,
        "cpu_quota": cpu and cpu.quota,
        "cpu_period": cpu and cpu.period,
        "cpu_rt_quota": cpu and cpu.realtime_runtime,
        "cpu_rt_period": cpu and cpu.realtime_period,
        "cpuset_cpus": cpu and cpu.cpus,
        "cpuset_mems": cpu and cpu.mems,
        "pids_limit": pids and pids.limit,
    }
    return {name: value for name, value in asked.items() if value is not None}


_WITHOUT_LIMITS = {
    **dict.fromkeys(("memory", "memory_reservation", "memory_swap", "cpu_shares", "cpu_quota", "cpu_period"), 0),
    "cpu_rt_quota": 0,
    "cpu_rt_period": 0,
    "cpuset_cpus": "",
    "cpuset_mems": "",
    "pids_limit": 0,
}


def _config(spec: Spec, bundle: str, rootfs: str, cgroup: Cgroup) -> dict[str, Any]:
    linux = spec.linux
    asked = limits(linux.resources) if linux.resources is not None else {}
    return {
        "version": spec.oci_version,
        "rootfs": rootfs,
        "no_pivot_root": False,
        "readonlyfs": spec.root.readonly,
        "hostname": spec.hostname or "",
        "domainname": spec.domainname or "",
        "mounts": [_mount(mount) for mount in spec.mounts],
        "mount_label": linux.mount_label or "",
        "namespaces": [{"type": _NAMESPACES[one.type], "path": one.path or ""} for one in linux.namespaces],
        "cgroups": {"path": linux.cgroups_path or _place_in_hierarchy(cgroup), **_WITHOUT_LIMITS, **asked},
        "uid_mappings": _mappings(linux.uid_mappings),
        "gid_mappings": _mappings(linux.gid_mappings),
        "mask_paths": list(linux.masked_paths),
        "readonly_paths": list(linux.readonly_paths),
        "sysctl": dict(linux.sysctl or {}),
        "labels": [f"bundle={bundle}", *(f"{key}={value}" for key, value in spec.annotations.items())],
        "rootless_euid": os.geteuid() != 0,
        "rootless_cgroups": os.geteuid() != 0,
        **(_process(spec.process) if spec.process is not None else {}),
    }


def _place_in_hierarchy(cgroup: Cgroup) -> str:
    """Return the path of the default place: the last two names, the state root's cgroup and the container's."""
    return "/" + "/".join(cgroup.paths[0].split("/")[-2:]) if cgroup.paths else ""


def _process(process: Process) -> dict[str, Any]:
    found: dict[str, Any] = {
        "no_new_privileges": process.no_new_privileges,
        "apparmor_profile": process.apparmor_profile or "",
        "process_label": process.selinux_label or "",
    }
    if process.oom_score_adj is not None:
        found["oom_score_adj"] = process.oom_score_adj
    sets = process.capabilities
    if sets is not None:
        found["capabilities"] = {
            name.capitalize(): list(getattr(sets, name))
            for name in ("bounding", "effective", "inheritable", "permitted", "ambient")
        }
    return found


def _mount(mount: Mount) -> dict[str, Any]:
    own = read_options(mount.options, bind=mount.type == "bind").data
    flags = 0
    for option in mount.options:
        flags |= _FLAGS.get(option, 0)
    return {
        "source": mount.source or "",
        "destination": mount.destination,
        "device": "bind" if flags & _FLAGS["bind"] else mount.type or "",
        "flags": flags,
        "data": ",".join(name if value is None else f"{name}={value}" for name, value in own),
    }


def _mappings(given: Iterable[IdMapping]) -> list[dict[str, int]]:
    return [{"container_id": one.container_id, "host_id": one.host_id, "size": one.size} for one in given]


def _start_ticks(pid: int) -> int:
    with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
        return int(file.read().rpartition(")")[2].split()[_START_TIME - 3])
