"""What this host has, probed once."""

from __future__ import annotations

import os

from containerd_py.errors import NotSupported
from containerd_py.light.dataclasses import dataclass
from containerd_py.light.functools import cache
from containerd_py.runtime.cgroups import layout
from containerd_py.runtime.linux.fd import Fd
from containerd_py.runtime.linux.namespaces import in_first_user_namespace
from containerd_py.runtime.linux.pidfd import knows_exit_info
from containerd_py.runtime.linux.process import capget

OLDEST = (5, 14)
_CAP_MKNOD = 27
_DIGITS = "0123456789"


@dataclass(frozen=True)
class HostFeatures:
    """kernel: (major, minor); the flags tell which guarantees hold here."""

    kernel: tuple[int, int]
    machine: str
    cgroups: layout.Layout
    clone_into_cgroup: bool
    cgroup_kill: bool
    exit_info: bool
    executable_memfd: bool

    def flags(self) -> dict[str, bool]:
        return {
            "cgroup_kill": self.cgroup_kill,
            "clone_into_cgroup": self.clone_into_cgroup,
            "executable_memfd": self.executable_memfd,
            "pidfd_exit_info": self.exit_info,
        }


def probe() -> HostFeatures:
    """Raises NotSupported for a kernel that is too old."""
    uname = os.uname()
    kernel = parse_release(uname.release)
    if kernel < OLDEST:
        raise NotSupported(f"cannot run containers: Linux {uname.release} is older than 5.14", step="probe")
    cgroups = layout.probe()
    return HostFeatures(
        kernel=kernel,
        machine=uname.machine,
        cgroups=cgroups,
        clone_into_cgroup=cgroups.v2 is not None,
        cgroup_kill=cgroups.v2 is not None,
        exit_info=knows_exit_info(),
        executable_memfd=_executable_memfd(),
    )


def parse_release(release: str) -> tuple[int, int]:
    """Return (6, 18) for "6.18.44-generic"; (0, 0) for what is no release."""
    major, _, rest = release.partition(".")
    minor = rest[: len(rest) - len(rest.lstrip(_DIGITS))]
    return (int(major), int(minor)) if minor and not major.strip(_DIGITS) and major else (0, 0)


@cache
def boot_id() -> str:
    """Return what tells this boot from every other (random(4))."""
    with open("/proc/sys/kernel/random/boot_id", encoding="utf-8") as file:
        return file.read().strip()


def makes_devices() -> bool:
    """Tell whether nodes that this process makes are devices: CAP_MKNOD counts in the initial user namespace only."""
    effective, _permitted, _inheritable = capget()
    return bool(effective >> _CAP_MKNOD & 1) and in_first_user_namespace()


def _executable_memfd() -> bool:
    with Fd(os.memfd_create("probe", os.MFD_CLOEXEC)) as fd:
        return bool(os.fstat(fd.fileno()).st_mode & 0o100)
