"""The `process` object (config.md, "Process" and "POSIX process")."""

from __future__ import annotations

from containerd_py.runtime.spec.base import Oci, of
from containerd_py.runtime.spec.kinds import FLAG, ID, TEXT, TEXTS, UNSIGNED, Integer, Many, OneOf

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from containerd_py.runtime.spec.kinds import Findings, Place


class ConsoleSize(Oci):
    height: int = of(Integer(0, 65_535))
    width: int = of(Integer(0, 65_535))


class User(Oci):
    uid: int = of(ID, default=0)
    gid: int = of(ID, default=0)
    umask: int | None = of(Integer(0, 0o777), default=None)
    additional_gids: tuple[int, ...] = of(Many(ID), default=())
    username: str | None = of(TEXT, default=None)


CAPABILITIES = (
    *("CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_DAC_READ_SEARCH", "CAP_FOWNER", "CAP_FSETID", "CAP_KILL", "CAP_SETGID"),
    *("CAP_SETUID", "CAP_SETPCAP", "CAP_LINUX_IMMUTABLE", "CAP_NET_BIND_SERVICE", "CAP_NET_BROADCAST"),
    *("CAP_NET_ADMIN", "CAP_NET_RAW", "CAP_IPC_LOCK", "CAP_IPC_OWNER", "CAP_SYS_MODULE", "CAP_SYS_RAWIO"),
    *("CAP_SYS_CHROOT", "CAP_SYS_PTRACE", "CAP_SYS_PACCT", "CAP_SYS_ADMIN", "CAP_SYS_BOOT", "CAP_SYS_NICE"),
    *("CAP_SYS_RESOURCE", "CAP_SYS_TIME", "CAP_SYS_TTY_CONFIG", "CAP_MKNOD", "CAP_LEASE", "CAP_AUDIT_WRITE"),
    *("CAP_AUDIT_CONTROL", "CAP_SETFCAP", "CAP_MAC_OVERRIDE", "CAP_MAC_ADMIN", "CAP_SYSLOG", "CAP_WAKE_ALARM"),
    *("CAP_BLOCK_SUSPEND", "CAP_AUDIT_READ", "CAP_PERFMON", "CAP_BPF", "CAP_CHECKPOINT_RESTORE"),
)
"""In the kernel's order (linux/capability.h): the index is the capability's number."""


class _Names:
    """Names of capabilities. Where the specification's readers are to ignore one that is none, it is left out."""

    def read(self, value: object, place: Place, findings: Findings) -> Any:
        found: tuple[str, ...] = TEXTS.read(value, place, findings)
        if not findings.lenient:
            return found
        for name in found:
            if name not in CAPABILITIES:
                findings.ignore(place, f"unknown capability {name!r} of")
        return tuple(name for name in found if name in CAPABILITIES)


_NAMES = _Names()


class Capabilities(Oci):
    bounding: tuple[str, ...] = of(_NAMES, default=())
    effective: tuple[str, ...] = of(_NAMES, default=())
    inheritable: tuple[str, ...] = of(_NAMES, default=())
    permitted: tuple[str, ...] = of(_NAMES, default=())
    ambient: tuple[str, ...] = of(_NAMES, default=())


class Rlimit(Oci):
    type: str = of(TEXT)
    hard: int = of(UNSIGNED)
    soft: int = of(UNSIGNED)


SCHEDULER_POLICIES = (
    "SCHED_OTHER",
    "SCHED_FIFO",
    "SCHED_RR",
    "SCHED_BATCH",
    "SCHED_ISO",
    "SCHED_IDLE",
    "SCHED_DEADLINE",
    "SCHED_EXT",
)
SCHEDULER_FLAGS = (
    "SCHED_FLAG_RESET_ON_FORK",
    "SCHED_FLAG_RECLAIM",
    "SCHED_FLAG_DL_OVERRUN",
    "SCHED_FLAG_KEEP_POLICY",
    "SCHED_FLAG_KEEP_PARAMS",
    "SCHED_FLAG_UTIL_CLAMP_MIN",
    "SCHED_FLAG_UTIL_CLAMP_MAX",
)


class Scheduler(Oci):
    """Times in nanoseconds (sched_setattr(2))."""

    policy: str = of(OneOf(SCHEDULER_POLICIES))
    nice: int | None = of(Integer(-20, 19), default=None)
    priority: int | None = of(Integer(0, 99), default=None)
    flags: tuple[str, ...] = of(Many(OneOf(SCHEDULER_FLAGS)), default=())
    runtime: int | None = of(UNSIGNED, default=None)
    deadline: int | None = of(UNSIGNED, default=None)
    period: int | None = of(UNSIGNED, default=None)


class IoPriority(Oci):
    """0 is the highest priority of a class (ioprio_set(2))."""

    class_: str = of(OneOf(("IOPRIO_CLASS_RT", "IOPRIO_CLASS_BE", "IOPRIO_CLASS_IDLE")), key="class")
    priority: int = of(Integer(0, 7), default=0)


class ExecCpuAffinity(Oci):
    """Lists of CPUs for a process that enters a container: until it is in the cgroup, and from then on."""

    initial: str | None = of(TEXT, default=None)
    final: str | None = of(TEXT, default=None)


class Process(Oci):
    terminal: bool = of(FLAG, default=False)
    console_size: ConsoleSize | None = of(ConsoleSize, default=None)
    cwd: str = of(TEXT, default="/")
    env: tuple[str, ...] = of(TEXTS, default=())
    args: tuple[str, ...] = of(TEXTS, default=())
    command_line: str | None = of(TEXT, default=None)
    user: User = of(User, default=User())
    rlimits: tuple[Rlimit, ...] = of(Many(Rlimit), default=())
    apparmor_profile: str | None = of(TEXT, default=None)
    capabilities: Capabilities | None = of(Capabilities, default=None)
    no_new_privileges: bool = of(FLAG, default=False)
    oom_score_adj: int | None = of(Integer(-1000, 1000), default=None)
    scheduler: Scheduler | None = of(Scheduler, default=None)
    selinux_label: str | None = of(TEXT, default=None)
    io_priority: IoPriority | None = of(IoPriority, default=None)
    exec_cpu_affinity: ExecCpuAffinity | None = of(ExecCpuAffinity, default=None, key="execCPUAffinity")


RLIMITS = (
    *("RLIMIT_AS", "RLIMIT_CORE", "RLIMIT_CPU", "RLIMIT_DATA", "RLIMIT_FSIZE", "RLIMIT_MEMLOCK", "RLIMIT_MSGQUEUE"),
    *("RLIMIT_NICE", "RLIMIT_NOFILE", "RLIMIT_NPROC", "RLIMIT_RSS", "RLIMIT_RTPRIO", "RLIMIT_RTTIME"),
    *("RLIMIT_SIGPENDING", "RLIMIT_STACK", "RLIMIT_LOCKS"),
)

CAPABILITY_SETS = ("bounding", "effective", "inheritable", "permitted", "ambient")
