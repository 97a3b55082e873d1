"""Processes by file descriptor (SECURITY R10): never by a number that somebody else may bear by now."""

from __future__ import annotations

import errno
import fcntl
import os

from containerd_py.light import ctypes, signal
from containerd_py.light.dataclasses import dataclass

_PIDFD_GET_INFO = 0xC000_FF0B  # _IOWR(0xFF, 11, struct of the given size), Linux 6.13
_PIDFD_INFO_CGROUPID = 1 << 2
_PIDFD_INFO_EXIT = 1 << 3  # Linux 6.15
_PIDFD_SIGNAL_PROCESS_GROUP = 1 << 2  # Linux 6.9


@dataclass(frozen=True)
class WaitStatus:
    """How a process ended: `code` where it exited, `signal` where a signal ended it; the other is None."""

    code: int | None
    signal: int | None

    @classmethod
    def from_wait(cls, status: int) -> WaitStatus:
        """Read the status word of wait(2)."""
        if os.WIFSIGNALED(status):
            return cls(None, os.WTERMSIG(status))
        return cls(os.WEXITSTATUS(status), None)


class _PidfdInfo(ctypes.Structure):
    """struct pidfd_info up to exit_code (linux/pidfd.h): 64 bytes in its first version, 72 with what follows."""

    _fields_ = (
        ("mask", ctypes.c_uint64),
        ("cgroupid", ctypes.c_uint64),
        *((name, ctypes.c_uint32) for name in ("pid", "tgid", "ppid", "ruid", "rgid", "euid", "egid")),
        *((name, ctypes.c_uint32) for name in ("suid", "sgid", "fsuid", "fsgid")),
        ("exit_code", ctypes.c_int32),
    )


def pidfd_open(pid: int) -> int:
    """Return a pidfd, close-on-exec by the kernel's own doing."""
    return os.pidfd_open(pid)


def pidfd_send_signal(pidfd: int, number: int) -> None:
    """Raises ProcessLookupError when the process has been waited for."""
    signal.pidfd_send_signal(pidfd, number)


def pidfd_send_signal_to_group(pidfd: int, number: int) -> None:
    """Send it to every process of the group that this one leads (Linux 6.9; before that to this one alone).

    Raises ProcessLookupError when there is none of them any more.
    """
    try:
        signal.pidfd_send_signal(pidfd, number, None, _PIDFD_SIGNAL_PROCESS_GROUP)
    except OSError as problem:
        if problem.errno != errno.EINVAL:
            raise
        signal.pidfd_send_signal(pidfd, number)


def wait_exit(pidfd: int) -> WaitStatus | None:
    """Reap the child behind `pidfd` if it has ended; None while it runs. Raises ChildProcessError: not our child."""
    result = os.waitid(os.P_PIDFD, pidfd, os.WEXITED | os.WNOHANG)
    if result is None:
        return None
    if result.si_code == os.CLD_EXITED:
        return WaitStatus(result.si_status, None)
    return WaitStatus(None, result.si_status)


def is_held(pidfd: int) -> bool:
    """Tell whether a child that has ended cannot be reaped yet: whoever traces it is told first (ptrace(2)).

    A payload may trace what is run in its container further, and keep it for as long as it lives itself.
    """
    try:
        return os.waitid(os.P_PIDFD, pidfd, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None
    except ChildProcessError:
        return False


def exit_info(pidfd: int) -> WaitStatus | None:
    """Return how a process that was reaped by anybody ended (Linux 6.15); None where the kernel does not tell."""
    info = _PidfdInfo(mask=_PIDFD_INFO_EXIT)
    request = _PIDFD_GET_INFO | ctypes.sizeof(info) << 16
    try:
        fcntl.ioctl(pidfd, request, info)
    except OSError:
        return None
    return WaitStatus.from_wait(info.exit_code) if info.mask & _PIDFD_INFO_EXIT else None


def cgroup_id(pidfd: int) -> int | None:
    """Return the number of the cgroup v2 directory that a process is in, or was at its end; None where nobody tells.

    It is the directory's inode. Linux 6.13; of one that has been reaped, Linux 6.15.
    """
    info = _PidfdInfo(mask=_PIDFD_INFO_CGROUPID | _PIDFD_INFO_EXIT)
    try:
        fcntl.ioctl(pidfd, _PIDFD_GET_INFO | ctypes.sizeof(info) << 16, info)
    except OSError:
        return None
    return info.cgroupid if info.mask & _PIDFD_INFO_CGROUPID else None


def witness_exit(pidfd: int) -> WaitStatus | None:
    """Tell how an ended process ended, as its parent or from the kernel's record; None if nobody knows."""
    try:
        return wait_exit(pidfd)
    except ChildProcessError:
        return exit_info(pidfd)


def identity(pid: int, pidfd: int) -> str:
    """Return what no other process of this boot has: the pidfs inode, before Linux 6.9 the time of its start.

    Before 6.9 all pidfds share one inode. Raises FileNotFoundError, ProcessLookupError for a process that is gone.
    """
    if _release() >= (6, 9):
        return f"pidfs:{os.fstat(pidfd).st_ino}"
    with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
        ticks = file.read().rpartition(")")[2].split()[19]  # field 22, proc_pid_stat(5)
    signal.pidfd_send_signal(pidfd, 0)  # it is still the one behind the pidfd whose line that was
    return f"start:{ticks}"


def _release() -> tuple[int, ...]:
    return tuple(map(int, os.uname().release.split("-")[0].split(".")[:2]))


def knows_exit_info() -> bool:
    """Tell whether this kernel keeps exit codes behind pidfds (Linux 6.15): it then accepts the question."""
    info = _PidfdInfo(mask=_PIDFD_INFO_EXIT)
    pidfd = os.pidfd_open(os.getpid())
    try:
        fcntl.ioctl(pidfd, _PIDFD_GET_INFO | ctypes.sizeof(info) << 16, info)
    except OSError:
        return False
    finally:
        os.close(pidfd)
    return _release() >= (6, 15)
