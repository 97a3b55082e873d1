"""Processes: making one in new namespaces, and what a process sets for itself."""

from __future__ import annotations

import os

from containerd_py.light import ctypes, signal
from containerd_py.runtime.linux.syscall import Flags, call

_PR_SET_DUMPABLE = 4
_PR_SET_NAME = 15
_PR_CAPBSET_DROP = 24
_PR_SET_TIMERSLACK = 29
_PR_SET_CHILD_SUBREAPER = 36
_PR_SET_NO_NEW_PRIVS = 38
_PR_GET_NO_NEW_PRIVS = 39
_PR_CAP_AMBIENT = 47
_PR_CAP_AMBIENT_RAISE = 2
_PR_CAP_AMBIENT_CLEAR_ALL = 4
_LINUX_CAPABILITY_VERSION_3 = 0x20080522
_SECCOMP_SET_MODE_FILTER = 1
SECCOMP_FILTER_FLAG_NEW_LISTENER = 8  # Linux 5.0
_KEYCTL_JOIN_SESSION_KEYRING = 1
_KEYCTL_SETPERM = 5
_KEYCTL_DESCRIBE = 6
_MOST_DESCRIBED = 512  # type, owners, permissions and a name, which is ours
_CLOSE_RANGE_CLOEXEC = 4


class Clone(Flags):
    """Flags of clone3 and unshare (linux/sched.h)."""

    NEWTIME = 0x0000_0080
    PIDFD = 0x0000_1000
    PARENT = 0x0000_8000
    PARENT_SETTID = 0x0010_0000
    NEWNS = 0x0002_0000
    NEWCGROUP = 0x0200_0000
    NEWUTS = 0x0400_0000
    NEWIPC = 0x0800_0000
    NEWUSER = 0x1000_0000
    NEWPID = 0x2000_0000
    NEWNET = 0x4000_0000
    INTO_CGROUP = 0x2_0000_0000


class _CloneArgs(ctypes.Structure):
    """struct clone_args, 88 bytes (CLONE_ARGS_SIZE_VER2, Linux 5.7)."""

    _fields_ = tuple(
        (name, ctypes.c_uint64)
        for name in (
            *("flags", "pidfd", "child_tid", "parent_tid", "exit_signal", "stack"),
            *("stack_size", "tls", "set_tid", "set_tid_size", "cgroup"),
        )
    )


def clone3(flags: Clone, *, cgroup: int | None = None, birth: int | None = None) -> tuple[int, int]:
    """Fork into the namespaces of `flags`; return (pid, pidfd), and (0, -1) in the child.

    cgroup: a cgroup v2 directory to be born in (Linux 5.7). birth: address of an int that the kernel sets to the pid
    before the child runs (CLONE_PARENT_SETTID, clone(2)). Only for a process with one thread: the interpreter is not
    told of the fork. The caller owns the pidfd, which is close-on-exec.
    """
    pidfd = ctypes.c_int(-1)
    arguments = _CloneArgs(flags=flags | Clone.PIDFD, pidfd=ctypes.addressof(pidfd))
    if not flags & Clone.PARENT:  # with it the exit signal is the caller's own
        arguments.exit_signal = signal.SIGCHLD
    if cgroup is not None:
        arguments.flags |= Clone.INTO_CGROUP
        arguments.cgroup = cgroup
    if birth is not None:
        arguments.flags |= Clone.PARENT_SETTID
        arguments.parent_tid = birth
    pid = call("clone3", arguments, ctypes.sizeof(arguments))
    return pid, pidfd.value if pid else -1


def fork() -> int:
    """Fork, and nothing else; return the child's pid, and 0 in the child. Only for a process with one thread.

    By clone(2), which filters know that can allow it by its flags; clone3(2) they have to refuse.
    """
    return call("clone", int(signal.SIGCHLD), 0, 0, 0, 0)


def unshare(flags: Clone) -> None:
    call("unshare", flags)


def setns(fd: int, flags: int) -> None:
    """Enter a namespace (its file, with its flag or 0) or several of a process (its pidfd, Linux 5.8; setns(2)).

    A pid or time namespace is entered by children only.
    """
    call("setns", fd, flags)


def set_name(name: str) -> None:
    """Set what ps shows as the command: at most 15 bytes (PR_SET_NAME)."""
    call("prctl", _PR_SET_NAME, name)


def set_dumpable(value: int) -> None:
    call("prctl", _PR_SET_DUMPABLE, value, 0, 0, 0)


def set_timer_slack(nanoseconds: int) -> None:
    """0 restores the process's default."""
    call("prctl", _PR_SET_TIMERSLACK, nanoseconds, 0, 0, 0)


def set_child_subreaper() -> None:
    call("prctl", _PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def set_no_new_privs() -> None:
    call("prctl", _PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)


def get_no_new_privs() -> bool:
    return call("prctl", _PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1


def personality(persona: int) -> None:
    """Set the execution domain, which exec keeps (personality(2))."""
    call("personality", persona)


def join_session_keyring(name: str) -> int:
    """Join the session keyring of that name that may be searched, or a new one, and return its serial (keyctl(2))."""
    return call("keyctl", _KEYCTL_JOIN_SESSION_KEYRING, name)


def keyring_permissions(serial: int) -> int:
    """Return the bits of a key's permissions, of which the caller may view what KEYCTL_DESCRIBE tells."""
    told = ctypes.create_string_buffer(_MOST_DESCRIBED)
    call("keyctl", _KEYCTL_DESCRIBE, serial, told, len(told))
    _kind, _uid, _gid, permissions, _name = told.value.split(b";", 4)
    return int(permissions, 16)


def set_keyring_permissions(serial: int, permissions: int) -> None:
    call("keyctl", _KEYCTL_SETPERM, serial, permissions)


def reset_signals() -> None:
    """Give every signal its default action, the two that the C library hides (32, 33) included (rt_sigaction(2)).

    Python has asked for the action of each signal when it started, and made each change since; those that it knows to be
    the default are left.
    """
    default = ctypes.create_string_buffer(32)  # struct kernel_sigaction: SIG_DFL, no flags, empty mask
    for number in range(1, 65):
        if number not in (signal.SIGKILL, signal.SIGSTOP) and signal.getsignal(number) is not signal.SIG_DFL:
            call("rt_sigaction", number, default, None, 8)


def close_from(first: int) -> None:
    """Close every descriptor from `first` on (close_range(2), Linux 5.9)."""
    call("close_range", first, 0xFFFF_FFFF, 0)


def cloexec_from(first: int) -> None:
    """Mark every descriptor from `first` on close-on-exec (Linux 5.11)."""
    call("close_range", first, 0xFFFF_FFFF, _CLOSE_RANGE_CLOEXEC)


# ── capabilities ──────────────────────────────────────────────────────────────────────────────────────────────


class _CapHeader(ctypes.Structure):
    _fields_ = (("version", ctypes.c_uint32), ("pid", ctypes.c_int))


class _CapData(ctypes.Structure):
    """Two struct __user_cap_data_struct: the low and the high 32 bits of each set."""

    _fields_ = tuple((name, ctypes.c_uint32) for name in ("e0", "p0", "i0", "e1", "p1", "i1"))


def capget() -> tuple[int, int, int]:
    """Return this thread's effective, permitted and inheritable sets as bit masks."""
    data = _CapData()
    call("capget", _CapHeader(_LINUX_CAPABILITY_VERSION_3, 0), data)
    return data.e0 | data.e1 << 32, data.p0 | data.p1 << 32, data.i0 | data.i1 << 32


def capset(effective: int, permitted: int, inheritable: int) -> None:
    low, high = 0xFFFF_FFFF, 32
    data = _CapData(
        *(effective & low, permitted & low, inheritable & low),
        *(effective >> high, permitted >> high, inheritable >> high),
    )
    call("capset", _CapHeader(_LINUX_CAPABILITY_VERSION_3, 0), data)


def bounding_drop(capability: int) -> None:
    """Take a capability out of the bounding set, if it is in. Raises OSError EINVAL beyond the kernel's last one."""
    call("prctl", _PR_CAPBSET_DROP, capability, 0, 0, 0)


def ambient_clear() -> None:
    call("prctl", _PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0)


def ambient_raise(capability: int) -> None:
    call("prctl", _PR_CAP_AMBIENT, _PR_CAP_AMBIENT_RAISE, capability, 0, 0)


# ── seccomp ───────────────────────────────────────────────────────────────────────────────────────────────────


class _SockFprog(ctypes.Structure):
    _fields_ = (("len", ctypes.c_ushort), ("filter", ctypes.c_void_p))


def seccomp_set_filter(program: bytes, flags: int) -> int:
    """Load a filter: `program` is an array of struct sock_filter, 8 bytes each (seccomp(2)).

    Returns the descriptor of the listener, close-on-exec and the caller's, for FLAG_NEW_LISTENER; else 0.
    """
    buffer = ctypes.create_string_buffer(program, len(program))
    return call("seccomp", _SECCOMP_SET_MODE_FILTER, flags, _SockFprog(len(program) // 8, ctypes.addressof(buffer)))


def execve(path: str, arguments: tuple[str, ...], environment: tuple[str, ...]) -> None:
    """Replace this process (execve(2)); `environment` holds "NAME=value" in the given order, duplicates included.

    Returns never. Raises OSError.
    """
    argv = (ctypes.c_char_p * (len(arguments) + 1))(*map(os.fsencode, arguments))
    envp = (ctypes.c_char_p * (len(environment) + 1))(*map(os.fsencode, environment))
    _execve(os.fsencode(path), argv, envp)
    number = ctypes.get_errno()
    raise OSError(number, f"execve({path!r}): {os.strerror(number)}")


_execve = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_char_p, ctypes.c_void_p, ctypes.c_void_p, use_errno=True)(
    ("execve", ctypes.CDLL(None, use_errno=True))
)
