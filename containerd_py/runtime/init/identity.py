"""Who the process is and what it may: user, groups, capabilities (SECURITY R8)."""

from __future__ import annotations

import errno
import os

from containerd_py.runtime.init.steps import Context, StepFailed, executes
from containerd_py.runtime.linux import process
from containerd_py.runtime.linux.syscall import call
from containerd_py.runtime.plan import operations as op

_PR_SET_KEEPCAPS = 8
_LAST_POSSIBLE_CAPABILITY = 63
_LARGEST_ID = 2**31 - 1


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
    """Checked here once more, since setresuid takes -1 for "leave it" and wraps at 2**32."""
    if not all(type(number) is int and 0 <= number <= _LARGEST_ID for number in (step.uid, step.gid)):
        raise StepFailed(errno.EINVAL, "a user or group id is out of range")
    os.umask(step.umask)
    call("prctl", _PR_SET_KEEPCAPS, 1, 0, 0, 0)
    if step.setgroups:
        os.setgroups(step.additional_gids)
    os.setresgid(step.gid, step.gid, step.gid)
    os.setresuid(step.uid, step.uid, step.uid)
    call("prctl", _PR_SET_KEEPCAPS, 0, 0, 0, 0)
    process.set_dumpable(0)  # setresuid resets it to fs.suid_dumpable
    _check_identity(step)


def _check_identity(step: op.SetIdentity) -> None:
    if os.getresuid() != (step.uid,) * 3 or os.getresgid() != (step.gid,) * 3:
        raise StepFailed(errno.EPERM, "the kernel did not take the user and group")
    if step.setgroups and set(os.getgroups()) != set(step.additional_gids):
        raise StepFailed(errno.EPERM, "the kernel did not take the groups")


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
