"""The rest of `linux`: clocks, kernel parameters, memory, devices of the network, cache allocation."""

from __future__ import annotations

from containerd_py.runtime.spec.linux import MEMORY_POLICIES, MEMORY_POLICY_FLAGS
from containerd_py.runtime.spec.number_list import parse_number_list
from containerd_py.runtime.spec.sysctl import namespace_of, sysctl_path
from containerd_py.runtime.spec.validate.problem import Problem

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from containerd_py.runtime.spec.linux import IntelRdt, MemoryPolicy
    from containerd_py.runtime.spec.models import Spec

_LARGEST_NODE = 1023  # MAX_NUMNODES - 1
_LARGEST_OFFSET_S = 2**63 // 10**9  # the kernel counts nanoseconds in 63 bits
_LONGEST_DOMAIN = 64  # __NEW_UTS_LEN
_LONGEST_INTERFACE = 15  # IFNAMSIZ - 1


def linux_problems(spec: Spec) -> Iterator[Problem]:
    yield from _personality(spec)
    yield from _time_offsets(spec)
    yield from _sysctl(spec)
    yield from _net_devices(spec)
    if spec.linux.memory_policy is not None:
        yield from _memory_policy(spec.linux.memory_policy)
    if spec.linux.intel_rdt is not None:
        yield from _intel_rdt(spec.linux.intel_rdt)


def _personality(spec: Spec) -> Iterator[Problem]:
    if spec.linux.personality is not None and spec.linux.personality.flags:
        yield Problem("linux.personality.flags", "the specification has none yet")


def _time_offsets(spec: Spec) -> Iterator[Problem]:
    offsets = spec.linux.time_offsets
    if offsets is None:
        return
    if not any(namespace.type == "time" and not namespace.path for namespace in spec.linux.namespaces):
        yield Problem("linux.timeOffsets", "needs a new time namespace")
    for name in ("monotonic", "boottime"):
        offset = getattr(offsets, name)
        if offset is not None and abs(offset.secs) > _LARGEST_OFFSET_S:
            yield Problem(f"linux.timeOffsets.{name}.secs", f"is beyond {_LARGEST_OFFSET_S}")


def _sysctl(spec: Spec) -> Iterator[Problem]:
    seen = set()
    for key, value in (spec.linux.sysctl or {}).items():
        where = f"linux.sysctl.{key}"
        try:
            path = sysctl_path(key)
        except ValueError as problem:
            yield Problem(where, str(problem))
            continue
        if path in seen:
            yield Problem(where, "is given twice, in both forms")
        seen.add(path)
        if "\n" in value or "+" in value or not value:
            yield Problem(where, "has an empty value, or one with a line break or '+'")
        if path == "kernel/domainname":
            yield from _domain(spec, where, value)
        yield from _reach(spec, where, path)


def _domain(spec: Spec, where: str, value: str) -> Iterator[Problem]:
    if len(value.encode()) > _LONGEST_DOMAIN:
        yield Problem(where, f"is longer than {_LONGEST_DOMAIN} bytes")
    if spec.domainname and value != spec.domainname:
        yield Problem(where, f"contradicts domainname, which is {spec.domainname!r}")


def _reach(spec: Spec, where: str, path: str) -> Iterator[Problem]:
    """What is the whole machine's is refused; what is a namespace's own needs that namespace (SECURITY R6)."""
    needed = namespace_of(path)
    article = "an" if needed == "ipc" else "a"
    if path == "kernel/hostname":
        yield Problem(where, "is set by hostname")
    elif needed is None:
        yield Problem(where, "belongs to no namespace: it would be set for the whole machine")
    elif not any(namespace.type == needed for namespace in spec.linux.namespaces):
        yield Problem(where, f"needs {article} {needed} namespace, or it would be set for the host")


def _net_devices(spec: Spec) -> Iterator[Problem]:
    devices = spec.linux.net_devices or {}
    if devices and not any(namespace.type == "network" for namespace in spec.linux.namespaces):
        yield Problem("linux.netDevices", "needs a network namespace")
    taken = set()
    for host, device in devices.items():
        where = f"linux.netDevices.{host}"
        inside = device.name or host
        if not is_interface_name(host):
            yield Problem(where, "is no name of a network interface")
        if device.name and not is_interface_name(device.name):
            yield Problem(f"{where}.name", f"{inside!r} is no name of a network interface")
        if inside in taken:
            yield Problem(f"{where}.name", f"{inside!r} is given twice")
        taken.add(inside)


def is_interface_name(name: str) -> bool:
    """Tell whether Linux takes it (dev_valid_name), 15 bytes at most; "%d" would be a pattern to it."""
    if not 0 < len(name.encode()) <= _LONGEST_INTERFACE or name in (".", ".."):
        return False
    return not any(character in "/:%" or character.isspace() for character in name)


def _memory_names(policy: MemoryPolicy) -> Iterator[Problem]:
    """Told here, in runc's words, and not where they are read."""
    if policy.mode not in MEMORY_POLICIES:
        yield Problem("linux.memoryPolicy.mode", f"invalid memory policy mode {policy.mode!r}")
    for index, flag in enumerate(policy.flags):
        if flag not in MEMORY_POLICY_FLAGS:
            yield Problem(f"linux.memoryPolicy.flags.{index}", f"invalid memory policy flag {flag!r}")


def _memory_policy(policy: MemoryPolicy) -> Iterator[Problem]:
    where, flags = "linux.memoryPolicy", set(policy.flags)
    yield from _memory_names(policy)
    without_nodes = policy.mode in ("MPOL_DEFAULT", "MPOL_LOCAL")
    try:
        nodes = parse_number_list(policy.nodes) if policy.nodes else ()
    except ValueError as problem:
        yield Problem(f"{where}.nodes", f"invalid memory policy nodes: {problem}")
        return
    if nodes and nodes[-1] > _LARGEST_NODE:
        yield Problem(f"{where}.nodes", f"invalid memory policy node {nodes[-1]}: it is above {_LARGEST_NODE}")
    if nodes and without_nodes:
        yield Problem(f"{where}.nodes", f"{policy.mode}: mode requires 0 nodes but got {len(nodes)}")
    if not nodes and not without_nodes and policy.mode != "MPOL_PREFERRED":
        yield Problem(f"{where}.nodes", f"{policy.mode} needs nodes")
    if flags and without_nodes:
        yield Problem(f"{where}.flags", f"{policy.mode} takes no flags")
    if {"MPOL_F_STATIC_NODES", "MPOL_F_RELATIVE_NODES"} <= flags:
        yield Problem(f"{where}.flags", "MPOL_F_STATIC_NODES and MPOL_F_RELATIVE_NODES exclude each other")
    if flags & {"MPOL_F_STATIC_NODES", "MPOL_F_RELATIVE_NODES"} and not nodes and policy.mode == "MPOL_PREFERRED":
        yield Problem(f"{where}.flags", "MPOL_PREFERRED without nodes takes no flags about them")
    if "MPOL_F_NUMA_BALANCING" in flags and policy.mode not in ("MPOL_BIND", "MPOL_PREFERRED_MANY"):
        yield Problem(f"{where}.flags", f"MPOL_F_NUMA_BALANCING is not for {policy.mode}")


def _intel_rdt(rdt: IntelRdt) -> Iterator[Problem]:
    where, group = "linux.intelRdt", rdt.clos_id
    if group is not None and (group in ("", ".", "..") or (group != "/" and "/" in group) or "\n" in group):
        yield Problem(f"{where}.closID", f"{group!r} is no name of a directory")
    if rdt.l3_cache_schema is not None and not rdt.l3_cache_schema.startswith("L3"):
        yield Problem(f"{where}.l3CacheSchema", "must start with 'L3:'")
    if rdt.mem_bw_schema is not None and (not rdt.mem_bw_schema.startswith("MB:") or "\n" in rdt.mem_bw_schema.strip()):
        yield Problem(f"{where}.memBwSchema", "must be one line that starts with 'MB:'")
    for index, line in enumerate(rdt.schemata):
        if ":" not in line or "\n" in line:
            yield Problem(f"{where}.schemata.{index}", "must be one line such as 'L3:0=f'")
