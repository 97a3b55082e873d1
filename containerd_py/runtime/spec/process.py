"""The `process` object (config.md, "Process" and "POSIX process")."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from containerd_py.runtime.spec.base import Id, Many, Oci, Text, Unsigned


class ConsoleSize(Oci):
    height: Annotated[int, Field(ge=0, le=65_535)]
    width: Annotated[int, Field(ge=0, le=65_535)]


class User(Oci):
    uid: Id = 0
    gid: Id = 0
    umask: Annotated[int, Field(ge=0, le=0o777)] | None = None
    additional_gids: Many[Id] = ()
    username: Text | None = None


class Capabilities(Oci):
    bounding: Many[Text] = ()
    effective: Many[Text] = ()
    inheritable: Many[Text] = ()
    permitted: Many[Text] = ()
    ambient: Many[Text] = ()

    @classmethod
    def _known(cls, given: dict[str, Any], ignored: list[str]) -> dict[str, Any]:
        """Names of capabilities that are none are left out too (config.md, "Linux Process", of `capabilities`)."""
        found = super()._known(given, ignored)
        for name, members in found.items():
            if isinstance(members, list):
                unknown = [member for member in members if isinstance(member, str) and member not in CAPABILITIES]
                ignored.extend(f"unknown capability {member!r} ({name})" for member in unknown)
                found[name] = [member for member in members if member not in unknown]
        return found


class Rlimit(Oci):
    type: Text
    hard: Unsigned
    soft: Unsigned


SchedulerPolicy = Literal[
    "SCHED_OTHER", "SCHED_FIFO", "SCHED_RR", "SCHED_BATCH", "SCHED_ISO", "SCHED_IDLE", "SCHED_DEADLINE", "SCHED_EXT"
]
SchedulerFlag = Literal[
    "SCHED_FLAG_RESET_ON_FORK",
    "SCHED_FLAG_RECLAIM",
    "SCHED_FLAG_DL_OVERRUN",
    "SCHED_FLAG_KEEP_POLICY",
    "SCHED_FLAG_KEEP_PARAMS",
    "SCHED_FLAG_UTIL_CLAMP_MIN",
    "SCHED_FLAG_UTIL_CLAMP_MAX",
]


class Scheduler(Oci):
    """Times in nanoseconds (sched_setattr(2))."""

    policy: SchedulerPolicy
    nice: Annotated[int, Field(ge=-20, le=19)] | None = None
    priority: Annotated[int, Field(ge=0, le=99)] | None = None
    flags: Many[SchedulerFlag] = ()
    runtime: Unsigned | None = None
    deadline: Unsigned | None = None
    period: Unsigned | None = None


class IoPriority(Oci):
    """0 is the highest priority of a class (ioprio_set(2))."""

    class_: Annotated[Literal["IOPRIO_CLASS_RT", "IOPRIO_CLASS_BE", "IOPRIO_CLASS_IDLE"], Field(alias="class")]
    priority: Annotated[int, Field(ge=0, le=7)] = 0


class ExecCpuAffinity(Oci):
    """Lists of CPUs for a process that enters a container: until it is in the cgroup, and from then on."""

    initial: Text | None = None
    final: Text | None = None


class Process(Oci):
    terminal: bool = False
    console_size: ConsoleSize | None = None
    cwd: Text = "/"
    env: Many[Text] = ()
    args: Many[Text] = ()
    command_line: Text | None = None
    user: User = User()
    rlimits: Many[Rlimit] = ()
    apparmor_profile: Text | None = None
    capabilities: Capabilities | None = None
    no_new_privileges: bool = False
    oom_score_adj: Annotated[int, Field(ge=-1000, le=1000)] | None = None
    scheduler: Scheduler | None = None
    selinux_label: Text | None = None
    io_priority: IoPriority | None = None
    exec_cpu_affinity: Annotated[ExecCpuAffinity | None, Field(alias="execCPUAffinity")] = None


RLIMITS = (
    *("RLIMIT_AS", "RLIMIT_CORE", "RLIMIT_CPU", "RLIMIT_DATA", "RLIMIT_FSIZE", "RLIMIT_MEMLOCK", "RLIMIT_MSGQUEUE"),
    *("RLIMIT_NICE", "RLIMIT_NOFILE", "RLIMIT_NPROC", "RLIMIT_RSS", "RLIMIT_RTPRIO", "RLIMIT_RTTIME"),
    *("RLIMIT_SIGPENDING", "RLIMIT_STACK", "RLIMIT_LOCKS"),
)

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

CapabilitySet = Literal["bounding", "effective", "inheritable", "permitted", "ambient"]
