"""Safe defaults. They are frozen, so one of each is made and shared."""

from __future__ import annotations

from containerd_py.light.functools import cache
from containerd_py.runtime.spec.linux import Namespace
from containerd_py.runtime.spec.models import Mount
from containerd_py.runtime.spec.process import Capabilities

OWN_ANNOTATIONS = "org.pycontainerd."
"""What the keys of these three begin with."""

NETWORK_ANNOTATION = "org.pycontainerd.network"
""""none": a network namespace in which not even `lo` is up."""

ROOTFS_ANNOTATION = "org.pycontainerd.rootfs"
""""nodev": device nodes that lie in the root file system are not devices; those on the container's own /dev are."""

SOURCES_ANNOTATION = "org.pycontainerd.sources"
""""no-symlinks": a bind's source is refused whose path has a symlink on its way when it is opened, at whatever start."""

INIT_ANNOTATION = "org.pycontainerd.init"
""""true": the first process is one of ours that reaps and passes signals on, and the payload is its child."""

UNKNOWN_CALLS_ANNOTATION = "run.oci.seccomp_fail_unknown_syscall"
"""crun's. Not "0": a system call of the profile that libseccomp does not know is an error, else it is left out."""

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

MASKED_PATHS = (
    *("/proc/acpi", "/proc/asound", "/proc/interrupts", "/proc/kcore", "/proc/keys", "/proc/latency_stats"),
    *("/proc/sched_debug", "/proc/scsi", "/proc/timer_list", "/proc/timer_stats"),
    *("/sys/devices/virtual/powercap", "/sys/firmware"),
)
READONLY_PATHS = ("/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger")

_NAMESPACES: tuple[str, ...] = ("pid", "network", "ipc", "uts", "mount", "cgroup")


@cache
def namespaces() -> tuple[Namespace, ...]:
    return tuple(Namespace(type=kind) for kind in _NAMESPACES)


@cache
def capabilities() -> Capabilities:
    """What ordinary images need. No MKNOD: not every host can enforce a list of devices."""
    kept = (
        *("CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FOWNER", "CAP_FSETID", "CAP_KILL", "CAP_NET_BIND_SERVICE"),
        *("CAP_SETFCAP", "CAP_SETGID", "CAP_SETPCAP", "CAP_SETUID", "CAP_SYS_CHROOT"),
    )
    return Capabilities(bounding=kept, effective=kept, permitted=kept)


@cache
def mounts() -> tuple[Mount, ...]:
    return (
        _mount("/proc", "proc", "nosuid", "noexec", "nodev"),
        _mount("/dev", "tmpfs", "nosuid", "strictatime", "mode=755", "size=65536k"),
        _mount("/dev/pts", "devpts", "nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"),
        _mount("/dev/shm", "tmpfs", "nosuid", "noexec", "nodev", "mode=1777", "size=65536k"),  # noqa: S108 - the container's, not a file of ours
        _mount("/dev/mqueue", "mqueue", "nosuid", "noexec", "nodev"),
        _mount("/sys", "sysfs", "nosuid", "noexec", "nodev", "ro"),
    )


def _mount(destination: str, fstype: str, *options: str) -> Mount:
    return Mount(destination=destination, type=fstype, source=fstype, options=options)
