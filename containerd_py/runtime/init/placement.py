"""Where the worker is put, and what it gives back of the process that forked it."""

from __future__ import annotations

import errno
import os
import resource

from containerd_py.light import contextlib, signal
from containerd_py.runtime.init import dialogue
from containerd_py.runtime.init.steps import Context, executes
from containerd_py.runtime.linux import process, procfs, scheduling
from containerd_py.runtime.linux.process import Clone
from containerd_py.runtime.plan import operations as op

_BOOT_DESCRIPTORS = 1024  # soft limit of the first process (INR_OPEN_CUR, linux/fs.h)
_BOOT_TIMER_SLACK_NS = 50_000  # init/init_task.c; what 0 resets to is the parent's


@executes(op.JoinCgroup)
def join_cgroup(context: Context, step: op.JoinCgroup) -> None:
    for index in range(step.count):
        with context.take_handle(f"cgroup{index}") as tasks:
            os.write(tasks.fileno(), b"0")  # 0 is the writer itself, in any pid namespace


@executes(op.AwaitMembership)
def await_membership(context: Context, _step: op.AwaitMembership) -> None:
    dialogue.send_joining(context.control)
    if not dialogue.await_member(context.control):
        os._exit(1)


@executes(op.BecomeRoot)
def become_root(_context: Context, step: op.BecomeRoot) -> None:
    if step.drop_groups:
        os.setgroups(())
    os.setresgid(0, 0, 0)
    os.setresuid(0, 0, 0)
    process.set_dumpable(0)  # setresuid resets it


@executes(op.UnshareCgroup)
def unshare_cgroup(_context: Context, _step: op.UnshareCgroup) -> None:
    process.unshare(Clone.NEWCGROUP)


@executes(op.ResetProcess)
def reset_process(_context: Context, step: op.ResetProcess) -> None:
    os.umask(0)  # what the plan makes has the modes that the plan says
    os.setsid()  # a session, and with it an autogroup, of its own
    with contextlib.suppress(PermissionError):  # in a user namespace, or for an ordinary user: it can only grow
        os.setpriority(os.PRIO_PROCESS, 0, 0)
    with contextlib.suppress(PermissionError):
        os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
    scheduling.ioprio_set(0, 0)
    os.sched_setaffinity(0, range(os.sysconf("SC_NPROCESSORS_CONF")))
    process.set_timer_slack(_BOOT_TIMER_SLACK_NS)
    for timer in (signal.ITIMER_REAL, signal.ITIMER_VIRTUAL, signal.ITIMER_PROF):
        signal.setitimer(timer, 0)
    _soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (_soft_limit(_BOOT_DESCRIPTORS, hard), hard))  # the spawner needs more
    if step.keyring:
        _join_keyring(step.keyring, step.searchable)


def _join_keyring(name: str, searchable: int) -> None:
    try:
        serial = process.join_session_keyring(name)
    except OSError as problem:
        if problem.errno != errno.ENOSYS:  # a kernel without keys
            raise
        return
    if searchable and (found := process.keyring_permissions(serial)) | searchable != found:
        process.set_keyring_permissions(serial, found | searchable)


def _soft_limit(wanted: int, hard: int) -> int:
    return wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)


@executes(op.OpenProcfs)
def open_procfs(context: Context, _step: op.OpenProcfs) -> None:
    context.procfs = procfs.open_private()
