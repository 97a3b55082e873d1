"""Confining the process: cgroups, namespaces' own settings, identity, capabilities, seccomp."""

from __future__ import annotations

import errno
import fcntl
import os
import resource
import socket
import struct

from containerd_py.runtime.init.steps import Context, StepFailed, executes
from containerd_py.runtime.linux import process
from containerd_py.runtime.linux.process import Clone
from containerd_py.runtime.linux.syscall import call
from containerd_py.runtime.plan import operations as op

_SIOCGIFFLAGS = 0x8913
_SIOCSIFFLAGS = 0x8914
_IFF_UP = 0x1
_IFREQ = struct.Struct("16sh22x")
_PR_SET_KEEPCAPS = 8
_LAST_POSSIBLE_CAPABILITY = 63
_LARGEST_ID = 2**31 - 1
_BOOT_DESCRIPTORS = 1024  # soft limit of the first process (INR_OPEN_CUR, linux/fs.h)


@executes(op.JoinCgroup)
def join_cgroup(context: Context, step: op.JoinCgroup) -> None:
    for index in range(step.count):
        os.write(context.handles[f"cgroup{index}"], b"0")  # 0 is the writer itself, in any pid namespace


@executes(op.UnshareCgroup)
def unshare_cgroup(_context: Context, _step: op.UnshareCgroup) -> None:
    process.unshare(Clone.NEWCGROUP)


@executes(op.ResetProcess)
def reset_process(_context: Context, step: op.ResetProcess) -> None:
    os.umask(0)  # what the plan makes has the modes that the plan says
    os.setsid()  # a session, and with it an autogroup, of its own
    os.setpriority(os.PRIO_PROCESS, 0, 0)
    os.sched_setaffinity(0, range(os.sysconf("SC_NPROCESSORS_CONF")))
    process.set_timer_slack(0)
    _soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (_soft_limit(_BOOT_DESCRIPTORS, hard), hard))  # the spawner needs more
    process.join_session_keyring(step.keyring)


def _soft_limit(wanted: int, hard: int) -> int:
    return wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)


@executes(op.LoopbackUp)
def loopback_up(_context: Context, _step: op.LoopbackUp) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        answer = fcntl.ioctl(any_socket, _SIOCGIFFLAGS, _IFREQ.pack(b"lo", 0))
        _name, flags = _IFREQ.unpack(answer)
        fcntl.ioctl(any_socket, _SIOCSIFFLAGS, _IFREQ.pack(b"lo", flags | _IFF_UP))


@executes(op.SetHostname)
def set_hostname(_context: Context, step: op.SetHostname) -> None:
    call("sethostname", step.hostname, len(step.hostname.encode()))


@executes(op.SetDomainname)
def set_domainname(_context: Context, step: op.SetDomainname) -> None:
    call("setdomainname", step.domainname, len(step.domainname.encode()))


@executes(op.SetRlimit)
def set_rlimit(_context: Context, step: op.SetRlimit) -> None:
    try:
        resource.setrlimit(step.resource, (step.soft, step.hard))
    except ValueError:  # how the standard library tells EPERM
        raise StepFailed(errno.EPERM, "above what this host allows") from None


@executes(op.LimitBounding)
def limit_bounding(_context: Context, step: op.LimitBounding) -> None:
    for capability in range(_LAST_POSSIBLE_CAPABILITY + 1):
        if step.capabilities >> capability & 1:
            continue
        try:
            process.bounding_drop(capability)
        except OSError as problem:
            if problem.errno != errno.EINVAL:  # beyond the kernel's last capability
                raise
            return


@executes(op.SetIdentity)
def set_identity(_context: Context, step: op.SetIdentity) -> None:
    """SECURITY R8: checked here once more, since setresuid takes -1 for "leave it" and wraps at 2**32."""
    if not all(type(number) is int and 0 <= number <= _LARGEST_ID for number in (step.uid, step.gid)):
        raise StepFailed(errno.EINVAL, "a user or group id is out of range")
    os.umask(step.umask)
    call("prctl", _PR_SET_KEEPCAPS, 1, 0, 0, 0)
    os.setgroups(step.additional_gids)
    os.setresgid(step.gid, step.gid, step.gid)
    os.setresuid(step.uid, step.uid, step.uid)
    call("prctl", _PR_SET_KEEPCAPS, 0, 0, 0, 0)
    process.set_dumpable(0)  # setresuid resets it to fs.suid_dumpable
    if (
        os.getresuid() != (step.uid,) * 3
        or os.getresgid() != (step.gid,) * 3
        or set(os.getgroups()) != set(step.additional_gids)
    ):
        raise StepFailed(errno.EPERM, "the kernel did not take the user and groups")


@executes(op.SetCapabilities)
def set_capabilities(_context: Context, step: op.SetCapabilities) -> None:
    process.capset(step.effective, step.permitted, step.inheritable)
    process.ambient_clear()
    for capability in range(_LAST_POSSIBLE_CAPABILITY + 1):
        if step.ambient >> capability & 1:
            process.ambient_raise(capability)
    if process.capget() != (step.effective, step.permitted, step.inheritable):
        raise StepFailed(errno.EPERM, "the kernel did not take the capabilities")


@executes(op.SetNoNewPrivs)
def set_no_new_privs(_context: Context, _step: op.SetNoNewPrivs) -> None:
    process.set_no_new_privs()


@executes(op.LoadSeccomp)
def load_seccomp(_context: Context, step: op.LoadSeccomp) -> None:
    process.seccomp_set_filter(step.program, step.flags)
