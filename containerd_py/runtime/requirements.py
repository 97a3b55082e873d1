"""What a right document asks of this host, and it may not have: told before anything is made.

Here: looks at the host. Not here: what contradicts itself in a document alone (`spec.validate`).
"""

from __future__ import annotations

import os

from containerd_py.errors import InvalidArgument, NotSupported
from containerd_py.runtime.spec.sysctl import namespace_of, sysctl_path

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from containerd_py.runtime.spec.models import Spec
    from containerd_py.runtime.spec.process import Process

_APPARMOR = "/sys/module/apparmor/parameters/enabled"
_SELINUX = "/sys/fs/selinux/enforce"


def _has_resctrl() -> bool:
    from containerd_py.runtime.intel_rdt import find_resctrl

    return find_resctrl() is not None


def check_host(spec: Spec, *, may_drop_groups: bool = True) -> None:
    """Check what a container asks for. may_drop_groups: False where its user namespace denies setgroups(2).

    Raises NotSupported for what this host lacks, InvalidArgument for what would reach the host; both name JSON paths.
    """
    if spec.process is not None:
        check_process(spec.process, may_drop_groups=may_drop_groups)
    if spec.linux.intel_rdt is not None and not _has_resctrl():
        raise _lacking("linux.intelRdt", "resctrl is not mounted on this host")
    for path in _needing_own_network(spec):
        raise InvalidArgument(
            f"cannot use OCI document: {path}: the network namespace that is joined is the host's",
            step="validate",
            hint="give the container a network namespace of its own",
        )


def check_process(process: Process, *, may_drop_groups: bool = True) -> None:
    """Check what a process asks for, a container's first or one that enters it."""
    for path, value, there, lacking in (
        ("process.apparmorProfile", process.apparmor_profile, apparmor_enabled, "AppArmor is not enabled on this host"),
        ("process.selinuxLabel", process.selinux_label, selinux_enabled, "SELinux is not enabled on this host"),
    ):
        _check(path, value, there, lacking)
    if process.user.additional_gids and not may_drop_groups:
        raise InvalidArgument(
            "cannot use OCI document: process.user.additionalGids: setgroups is denied in this user namespace",
            step="validate",
            hint="a user who is not root needs newgidmap, and a range in /etc/subgid, for additional groups",
        )


def apparmor_enabled() -> bool:
    return _content(_APPARMOR).startswith("Y")


def selinux_enabled() -> bool:
    return os.path.exists(_SELINUX)


def _check(path: str, value: str | None, there: Callable[[], bool], lacking: str) -> None:
    if value and not there():
        raise _lacking(path, lacking)


def _lacking(path: str, cause: str) -> NotSupported:
    return NotSupported(f"cannot serve OCI document: {path}: {cause}", step="validate", hint="leave it out on this host")


def _needing_own_network(spec: Spec) -> Iterator[str]:
    """Yield the fields that are for the container's network, where that is the one we are in ourselves."""
    wanted = [f"linux.sysctl.{key}" for key in spec.linux.sysctl or {} if namespace_of(sysctl_path(key)) == "network"]
    if spec.linux.net_devices:
        wanted.append("linux.netDevices")
    joined = next((one.path for one in spec.linux.namespaces if one.type == "network" and one.path), None)
    if wanted and joined is not None and _same_file(joined, "/proc/thread-self/ns/net"):
        yield from wanted


def _same_file(first: str, second: str) -> bool:
    """False where the first is not there: who joins it tells."""
    try:
        return os.path.samefile(first, second)
    except FileNotFoundError:
        return False


def _content(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()
    except OSError:
        return ""
