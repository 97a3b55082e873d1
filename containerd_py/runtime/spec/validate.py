"""What a spec may ask for: a list of small checks, each yielding the problems that it finds.

A contradiction is an InvalidArgument; a right request that is not served yet is NotSupported, never ignored. A newcomer
adds a function to CHECKS.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from containerd_py.errors import InvalidArgument, NotSupported
from containerd_py.runtime.spec.mount_options import parse_options
from containerd_py.runtime.spec.process import CAPABILITIES, RLIMITS, Process

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from containerd_py.runtime.spec.models import Spec

_SHOWN = 5
_LXCFS = (  # the files of /proc that lxcfs provides; nothing else may be mounted there (SECURITY R6)
    *("/proc/cpuinfo", "/proc/diskstats", "/proc/meminfo", "/proc/stat", "/proc/swaps", "/proc/uptime"),
    *("/proc/loadavg", "/proc/slabinfo", "/proc/net/dev"),
)


@dataclass(frozen=True, slots=True)
class Problem:
    """path: where in the document; supported: False where it is right, but not served yet."""

    path: str
    message: str
    supported: bool = True


def validate(spec: Spec) -> None:
    """Check a whole spec before anything is made. Raises InvalidArgument or NotSupported, each naming JSON paths."""
    problems = [problem for check in CHECKS for problem in check(spec)]
    wrong = [problem for problem in problems if problem.supported]
    if wrong:
        raise InvalidArgument(f"cannot use OCI document: {_told(wrong)}", step="validate")
    if problems:
        raise NotSupported(
            f"cannot serve OCI document: {_told(problems)}", step="validate", hint="leave it out: it is not served yet"
        )


def _told(problems: list[Problem]) -> str:
    return "; ".join(f"{problem.path}: {problem.message}".removesuffix(": ") for problem in problems[:_SHOWN])


def _process(spec: Spec) -> Iterator[Problem]:
    process = spec.process
    if process is None:
        yield Problem("process", "is missing")
        return
    if not process.args:
        yield Problem("process.args", "must name a program")
    if not process.cwd.startswith("/"):
        yield Problem("process.cwd", f"must be absolute, not {process.cwd!r}")
    for index, entry in enumerate(process.env):
        if "=" not in entry[1:]:
            yield Problem(f"process.env.{index}", "must have the form NAME=value")
    if process.console_size is not None and not process.terminal:
        yield Problem("process.consoleSize", "needs process.terminal")
    yield from _rlimits(process)
    yield from _capabilities(process)


def _rlimits(process: Process) -> Iterator[Problem]:
    seen = set()
    for index, limit in enumerate(process.rlimits):
        where = f"process.rlimits.{index}"
        if limit.type not in RLIMITS:
            yield Problem(where, f"unknown type {limit.type!r}")
        if limit.type in seen:
            yield Problem(where, f"{limit.type} is given twice")
        if limit.soft > limit.hard:
            yield Problem(where, f"soft limit {limit.soft} is above hard limit {limit.hard}")
        seen.add(limit.type)


def _capabilities(process: Process) -> Iterator[Problem]:
    if process.capabilities is None:
        return
    for name in ("bounding", "effective", "inheritable", "permitted", "ambient"):
        for index, capability in enumerate(getattr(process.capabilities, name)):
            if capability not in CAPABILITIES:
                yield Problem(f"process.capabilities.{name}.{index}", f"unknown capability {capability!r}")
    extra = set(process.capabilities.effective) - set(process.capabilities.permitted)
    if extra:
        yield Problem("process.capabilities.effective", f"{sorted(extra)[0]} is not in permitted")


def _namespaces(spec: Spec) -> Iterator[Problem]:
    types = [namespace.type for namespace in spec.linux.namespaces]
    if "mount" not in types:
        yield Problem("linux.namespaces", "a mount namespace is needed")
    for kind in sorted({kind for kind in types if types.count(kind) > 1}):
        yield Problem("linux.namespaces", f"{kind} is given twice")
    for index, namespace in enumerate(spec.linux.namespaces):
        if namespace.path:
            yield Problem(f"linux.namespaces.{index}.path", "joining a namespace", supported=False)
        if namespace.type in ("user", "time"):
            yield Problem(f"linux.namespaces.{index}", f"a {namespace.type} namespace", supported=False)
    for name in ("hostname", "domainname"):
        value = getattr(spec, name)
        if value and "uts" not in types:
            yield Problem(name, "needs a uts namespace, or it would be the host's")
        if value and len(value.encode()) > 64:
            yield Problem(name, "is longer than 64 bytes")


def _mounts(spec: Spec) -> Iterator[Problem]:
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


def _paths(spec: Spec) -> Iterator[Problem]:
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


def _propagation(spec: Spec) -> Iterator[Problem]:
    wanted = spec.linux.rootfs_propagation
    if wanted in ("shared", "rshared", "unbindable", "runbindable"):
        yield Problem("linux.rootfsPropagation", wanted, supported=False)
    elif wanted not in (None, "", "private", "rprivate", "slave", "rslave"):
        yield Problem("linux.rootfsPropagation", f"unknown propagation {wanted!r}")


def _not_served(spec: Spec) -> Iterator[Problem]:
    for path in NOT_SERVED:
        value: object = spec
        for name in path.split("."):
            value = getattr(value, name, None)
        if value:
            yield Problem(_json_path(path), "", supported=False)
    if spec.process is not None and spec.process.oom_score_adj is not None:
        yield Problem("process.oomScoreAdj", "", supported=False)
    seccomp = spec.linux.seccomp
    if seccomp is not None and any(
        action == "SCMP_ACT_NOTIFY" for action in (seccomp.default_action, *(rule.action for rule in seccomp.syscalls))
    ):
        yield Problem("linux.seccomp", "SCMP_ACT_NOTIFY", supported=False)


def _json_path(path: str) -> str:
    head, *rest = path.replace("exec_cpu_affinity", "execCPUAffinity").replace("block_io", "blockIO").split("_")
    return head + "".join(word[:1].upper() + word[1:] for word in rest)


NOT_SERVED = (
    *("hooks", "solaris", "windows", "vm", "zos", "freebsd"),
    *("process.command_line", "process.user.username", "process.apparmor_profile", "process.scheduler"),
    *("process.selinux_label", "process.io_priority", "process.exec_cpu_affinity"),
    *("linux.uid_mappings", "linux.gid_mappings", "linux.time_offsets", "linux.net_devices", "linux.intel_rdt"),
    *("linux.memory_policy", "linux.sysctl", "linux.mount_label", "linux.personality"),
    *("linux.seccomp.listener_path", "linux.seccomp.listener_metadata"),
    *("linux.resources.memory", "linux.resources.cpu", "linux.resources.block_io", "linux.resources.hugepage_limits"),
    *("linux.resources.network", "linux.resources.rdma", "linux.resources.unified"),
)
"""Parts of the specification that come with later versions; asking for one is an error."""

CHECKS: tuple[Callable[[Spec], Iterator[Problem]], ...] = (
    *(_process, _namespaces, _mounts, _paths, _propagation, _not_served),
)
