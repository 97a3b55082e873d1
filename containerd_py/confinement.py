"""What the daemon takes from itself once it runs, so that a mistake in it reaches no further (ADR 27).

The event loop and the threads of its pool read what clients and payloads send, and keep records. They

- write, make, move and remove files below the state and the data directory, in cgroups and in resctrl alone (Landlock),
- execute nothing, mount nothing, enter no namespace, and have no sockets but local ones (seccomp),
- have no capability that none of their work needs, and gain none (no_new_privs).

What is done for a container or with a caller's own paths (hooks, sources of mounts, the spawner's start) is done by threads
of its own (`engine.own_thread`). They have all rights that the daemon was started with, as have programs and containers.
It is no barrier to foreign code within this process: that has its memory, and the spawner.
"""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING, NamedTuple

import structlog

from containerd_py.errors import NotSupported
from containerd_py.runtime.intel_rdt import find_resctrl
from containerd_py.runtime.linux import landlock, process
from containerd_py.runtime.linux.fd import Fd
from containerd_py.runtime.linux.landlock import AccessFs
from containerd_py.runtime.seccomp import compile as seccomp
from containerd_py.runtime.spec.linux import Seccomp, SeccompArgument, SeccompRule
from containerd_py.runtime.spec.process import CAPABILITIES

if TYPE_CHECKING:
    from collections.abc import Iterable

    from containerd_py.runtime.cgroups.layout import Layout
    from containerd_py.runtime.seccomp.kept import SeccompFilter

_log = structlog.get_logger()

_OWN = (
    *(AccessFs.WRITE_FILE, AccessFs.REMOVE_DIR, AccessFs.REMOVE_FILE, AccessFs.MAKE_DIR, AccessFs.MAKE_REG),
    *(AccessFs.MAKE_SOCK, AccessFs.MAKE_FIFO, AccessFs.MAKE_SYM, AccessFs.REFER),
)
_CGROUP = (AccessFs.WRITE_FILE, AccessFs.REMOVE_DIR, AccessFs.MAKE_DIR)
_NOWHERE = (AccessFs.EXECUTE, AccessFs.MAKE_CHAR, AccessFs.MAKE_BLOCK)

_AF_UNIX = 1
_REFUSED = (
    *("execve", "execveat", "chroot", "setns", "unshare", "capset"),
    *("mount", "umount", "umount2", "pivot_root", "move_mount", "open_by_handle_at"),
    *("ptrace", "process_vm_readv", "process_vm_writev", "perf_event_open", "userfaultfd"),
    *("init_module", "finit_module", "delete_module", "kexec_load", "kexec_file_load", "reboot"),
    *("swapon", "swapoff", "acct", "quotactl", "quotactl_fd", "syslog", "iopl", "ioperm"),
    *("settimeofday", "clock_settime", "clock_adjtime", "adjtimex", "sethostname", "setdomainname"),
    *("add_key", "request_key", "keyctl"),
)
_DROPPED = (
    *("CAP_SYS_MODULE", "CAP_SYS_RAWIO", "CAP_SYS_BOOT", "CAP_SYS_TIME", "CAP_SYSLOG", "CAP_SYS_PACCT"),
    *("CAP_SYS_CHROOT", "CAP_SYS_TTY_CONFIG", "CAP_SYS_NICE", "CAP_MKNOD", "CAP_LEASE", "CAP_LINUX_IMMUTABLE"),
    *("CAP_NET_RAW", "CAP_NET_BIND_SERVICE", "CAP_NET_BROADCAST", "CAP_IPC_LOCK", "CAP_IPC_OWNER"),
    *("CAP_AUDIT_WRITE", "CAP_AUDIT_CONTROL", "CAP_AUDIT_READ", "CAP_MAC_OVERRIDE", "CAP_MAC_ADMIN"),
    *("CAP_WAKE_ALARM", "CAP_BLOCK_SUSPEND", "CAP_PERFMON", "CAP_CHECKPOINT_RESTORE", "CAP_SETFCAP", "CAP_SETPCAP"),
)


class Confined(NamedTuple):
    """landlock: its version, 0 where this kernel has none that is of use; seccomp: the filter is loaded."""

    landlock: int
    seccomp: bool


def confine(directories: Iterable[str], cgroups: Layout) -> Confined:
    """Confine this thread, and those that it starts from now on. What the kernel has not is told in the log, and left out.

    directories: which must be there. Raises OSError.
    """
    compiled = _compiled()  # before, since that looks for libseccomp by programs of the host
    process.set_no_new_privs()
    version = _write_below(directories, cgroups)
    _drop_capabilities()
    confined = Confined(version, compiled is not None and _loaded(compiled))
    _log.info("confined", landlock=confined.landlock, seccomp=confined.seccomp)
    return confined


def _write_below(directories: Iterable[str], cgroups: Layout) -> int:
    version = landlock.abi_version()
    if version < landlock.WITH_REFER:
        _log.warning("the kernel does not confine where the daemon writes", landlock=version, needed=landlock.WITH_REFER)
        return 0
    truncate = (AccessFs.TRUNCATE,) if version > landlock.WITH_REFER else ()
    own, cgroup = _together(*_OWN, *truncate), _together(*_CGROUP, *truncate)
    with landlock.create_ruleset(own | cgroup | _together(*_NOWHERE)) as rules:
        for path in directories:
            _allow(rules, path, own)
        kernels = (*cgroups.hierarchies.values(), cgroups.v2, find_resctrl())
        for path in {path for path in kernels if path is not None}:
            _allow(rules, path, cgroup)
        landlock.restrict_self(rules.fileno())
    return version


def _together(*rights: AccessFs) -> AccessFs:
    return AccessFs(sum(rights))


def _allow(rules: Fd, path: str, access: AccessFs) -> None:
    with Fd(os.open(path, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)) as directory:
        landlock.allow_beneath(rules.fileno(), directory.fileno(), access)


def _compiled() -> SeccompFilter | None:
    try:
        seccomp.load()  # whether the filter was kept from before or not: those of containers may not have been
        return seccomp.compile_profile(_profile())
    except NotSupported as problem:
        _log.warning("the calls of the daemon are not filtered", error=problem.message)
        return None


def _loaded(compiled: SeccompFilter) -> bool:
    try:
        process.seccomp_set_filter(compiled.program, compiled.flags)
    except OSError as problem:  # a kernel without filters
        _log.warning("the calls of the daemon are not filtered", error=str(problem))
        return False
    return True


def _profile() -> Seccomp:
    remote = SeccompArgument(index=0, value=_AF_UNIX, op="SCMP_CMP_NE")
    return Seccomp(
        default_action="SCMP_ACT_ALLOW",
        syscalls=(
            SeccompRule(names=_REFUSED, action="SCMP_ACT_ERRNO", errno_ret=errno.EPERM),
            SeccompRule(names=("socket",), action="SCMP_ACT_ERRNO", errno_ret=errno.EAFNOSUPPORT, args=(remote,)),
            # libuv asks for it at its start, and goes on without
            SeccompRule(names=("io_uring_setup",), action="SCMP_ACT_ERRNO", errno_ret=errno.ENOSYS),
        ),
    )


def _drop_capabilities() -> None:
    """They stay permitted, by which is told what a container can be given; the filter refuses to take them up again."""
    dropped = sum(1 << CAPABILITIES.index(name) for name in _DROPPED)
    effective, permitted, inheritable = process.capget()
    process.capset(effective & ~dropped, permitted, inheritable)
