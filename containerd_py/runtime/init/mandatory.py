"""What is confined by rules that the process cannot change: labels of security modules, system call filters."""

from __future__ import annotations

import os

from containerd_py.runtime.init import dialogue
from containerd_py.runtime.init.steps import Context, executes
from containerd_py.runtime.linux import process, procfs
from containerd_py.runtime.plan import operations as op


@executes(op.SetAppArmorProfile)
def set_apparmor_profile(context: Context, step: op.SetAppArmorProfile) -> None:
    """attr/apparmor is AppArmor's own (Linux 5.8); attr/exec belongs to the first security module that wants it."""
    change = f"exec {step.profile}"
    try:
        procfs.write(context.procfs_fd(), "thread-self/attr/apparmor/exec", change)
    except FileNotFoundError:
        procfs.write(context.procfs_fd(), "thread-self/attr/exec", change)


@executes(op.SetSelinuxLabel)
def set_selinux_label(context: Context, step: op.SetSelinuxLabel) -> None:
    procfs.write(context.procfs_fd(), "thread-self/attr/exec", step.label)


@executes(op.LoadSeccomp)
def load_seccomp(context: Context, step: op.LoadSeccomp) -> None:
    listener = process.seccomp_set_filter(step.program, step.flags)
    if step.flags & process.SECCOMP_FILTER_FLAG_NEW_LISTENER:
        dialogue.send_listener(context.control, listener)
        os.close(listener)
