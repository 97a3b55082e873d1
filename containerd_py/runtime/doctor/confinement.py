"""What confines a payload beyond its namespaces, and the daemon itself."""

from __future__ import annotations

from containerd_py.runtime.doctor.finding import Finding, State
from containerd_py.runtime.linux.landlock import WITH_REFER, abi_version

TYPE_CHECKING = False
if TYPE_CHECKING:
    from containerd_py.runtime.doctor.finding import Host


def seccomp(host: Host) -> Finding:
    actions = host.text("proc/sys/kernel/seccomp/actions_avail")
    if actions is None:
        meaning = "every container of the friendly form has a filter, and none can be loaded"
        return Finding(State.FAIL, "none", meaning, "boot a kernel with CONFIG_SECCOMP_FILTER")
    if "user_notif" not in actions.split():
        meaning = "profiles with SCMP_ACT_NOTIFY are refused by the kernel"
        return Finding(State.WARN, actions, meaning, "Linux 5.0 or later has it, unless it was left out")
    return Finding(State.OK, actions, "calls are filtered")


def landlock(_host: Host) -> Finding:
    version = abi_version()
    if version < WITH_REFER:
        found = f"version {version}" if version else "none"
        meaning = "nothing but its own care keeps the daemon from writing outside of its directories"
        return Finding(State.WARN, found, meaning, 'boot Linux 5.19 or later, with "landlock" in lsm=')
    return Finding(State.OK, f"version {version}", "the daemon writes to its own directories and to cgroups alone")


def mandatory(host: Host) -> Finding:
    apparmor = (host.text("sys/module/apparmor/parameters/enabled") or "").startswith("Y")
    selinux = host.has("sys/fs/selinux/enforce")
    there = [name for name, enabled in (("AppArmor", apparmor), ("SELinux", selinux)) if enabled]
    if there:
        return Finding(State.OK, ", ".join(there), "containers may name a profile or a label; none is set by itself")
    meaning = "documents with an AppArmor profile or a SELinux label are refused; nothing else depends on it"
    return Finding(State.OK, "neither AppArmor nor SELinux", meaning)
