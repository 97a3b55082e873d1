"""The parent's side of an init worker: handing it a Plan, hearing how it went, starting the payload.

The daemon has its worker forked by the spawner; everybody else by `launch`, which executes a sealed launcher that
forks the worker as this process's own child. What is said to the worker is the same (`init.dialogue`).
"""

from __future__ import annotations

import errno
import os

from containerd_py.errors import (
    Conflict,
    ContainerdError,
    DeadlineExceeded,
    Internal,
    InvalidArgument,
    NotSupported,
    Unavailable,
)
from containerd_py.light import signal
from containerd_py.light.contextlib import closing, suppress
from containerd_py.runtime import prepared
from containerd_py.runtime.init import dialogue
from containerd_py.runtime.launcher import Forking, open_dialogue
from containerd_py.runtime.linux.memfd import sealed
from containerd_py.runtime.plan.operations import (
    AttachRoot,
    CloneInside,
    CloneTree,
    Exec,
    FindProgram,
    ForkPayload,
    LoadSeccomp,
    OpenConsole,
    RunHooks,
    SetAppArmorProfile,
    SetIdentity,
    SetIoPriority,
    SetMemoryPolicy,
    SetOomScoreAdj,
    SetScheduler,
    SetSysctl,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from containerd_py.light import socket
    from containerd_py.runtime.init.dialogue import Failed
    from containerd_py.runtime.launcher import Worker
    from containerd_py.runtime.linux.pidfd import WaitStatus
    from containerd_py.runtime.opened import Opened
    from containerd_py.runtime.plan.outline import Entry, Told
    from containerd_py.runtime.plan.plan import Plan
    from containerd_py.runtime.spawner.request import ForkRequest

_RETRY = (errno.EAGAIN, errno.ENOMEM, errno.EMFILE, errno.ENFILE, errno.EBUSY)
_CALLERS_FAULT = (
    *(errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.ELOOP, errno.EACCES, errno.EPERM, errno.ENOEXEC),
    *(errno.EINVAL, errno.EEXIST, errno.ENODEV, errno.ENAMETOOLONG, errno.EROFS, errno.E2BIG, errno.ETXTBSY),
)
_EXEC_HINTS = {
    errno.ENOENT: "look for the program, its interpreter (#!) and its dynamic loader inside the root file system",
    errno.EACCES: "make it executable, by chmod inside the root file system",
    errno.EISDIR: "permission denied to execute one: name a program",  # podman and docker look for the first two words
    errno.ENOEXEC: "the file is no program of this machine: check its architecture and its #! line",
}
_FILTER_HINT = (
    "allow execve and what comes before it once the filter is loaded: brk, mmap, munmap, sendto; "
    "without process.noNewPrivileges also what changes the user and finds the program"
)
_MEMORY_HINT = (
    "raise linux.resources.memory.limit: until the program is executed, a few MiB are used by what sets it up, and by "
    "whatever else runs in the cgroup"
)
_INIT_FILTER_HINT = "allow wait4, kill, rt_sigtimedwait, rt_sigprocmask, clone, prctl, capget and capset, or leave init out"
_OWN_FAULTS = (
    *(signal.SIGSEGV, signal.SIGBUS, signal.SIGILL, signal.SIGFPE),
    *(signal.SIGTRAP, signal.SIGABRT, signal.SIGSYS, signal.SIGPIPE),
)
"""Signals that a process gets for what it did itself."""

_HINTS: dict[str, dict[int, str]] = {
    ForkPayload.__name__: {
        errno.EAGAIN: "init and the payload are two processes: raise the limit of processes (pids, RLIMIT_NPROC)",
        errno.EPERM: _INIT_FILTER_HINT,
        errno.ENOSYS: _INIT_FILTER_HINT,
    },
    FindProgram.__name__: _EXEC_HINTS,
    Exec.__name__: _EXEC_HINTS,
    AttachRoot.__name__: {
        errno.ENOENT: "make the root file system first, or correct its path",
        errno.ENOTDIR: "a root file system is a directory",
        errno.ELOOP: "a root file system must not be, or lie behind, a symlink: give its real path",
    },
    OpenConsole.__name__: {
        errno.ENOSPC: "no terminal is left: end what has one, or raise the limit of the mount (max=) or kernel.pty.max"
    },
    SetAppArmorProfile.__name__: {errno.ENOENT: "load the profile on the host first, with apparmor_parser"},
    SetIdentity.__name__: {errno.EINVAL: "the user namespace has no such id: map it in linux.uidMappings and gidMappings"},
    SetIoPriority.__name__: {errno.EPERM: "the real time class needs CAP_SYS_NICE on the host"},
    SetMemoryPolicy.__name__: {errno.EINVAL: "the host may have no such memory node, or none that the cpuset allows"},
    SetOomScoreAdj.__name__: dict.fromkeys(
        (errno.EACCES, errno.EPERM), "it can be raised; to lower it the caller needs CAP_SYS_RESOURCE on the host"
    ),
    SetScheduler.__name__: {
        errno.EPERM: "the caller needs CAP_SYS_NICE on the host, and a cgroup with real time to give; "
        "process scheduler can't be used together with AllowedCPUs (linux.resources.cpu.cpus), if it is SCHED_DEADLINE",
        errno.EBUSY: "the host has promised its time to other deadlines",
    },
    SetSysctl.__name__: {
        errno.ENOENT: "this kernel has no such parameter in this namespace",
        errno.EINVAL: "the kernel does not take this value",
    },
    CloneInside.__name__: {
        errno.ENOENT: "neither the root file system nor a mount before this one has it: correct its path, or the order",
        errno.ELOOP: "a symlink stands on the way to the mount's source, where there may be none",
    },
    CloneTree.__name__: {
        errno.ENOENT: "make the mount's source on the host first, or correct its path",
        errno.ELOOP: "a symlink stands on the way to the mount's source, where this container may have none",
    },
}


_NO_TERMINAL = (OpenConsole.__name__, errno.ENOSPC)


def send_plan(control: socket.socket, plan: Plan, handles: dict[str, int]) -> None:
    """Give the worker its plan and the handles, which stay the caller's. It waits in the socket until there is a worker.

    A worker in a new user namespace is to get it once its ids are mapped: with it, it begins. One that is gone by now (the
    kernel was short of memory in its cgroup, say) is found out by whoever listens to it.
    """
    with sealed("plan", plan.encode()) as document, suppress(BrokenPipeError):
        dialogue.send_plan(control, {"plan": document.fileno(), **handles})


def begin(request: Callable[[int], ForkRequest]) -> Forking:
    """Have a worker forked as our own child; it waits for its plan. request: given the worker's end of its socket.

    Raises Unavailable.
    """
    ours, theirs = open_dialogue()
    with theirs:
        try:
            return Forking(request(theirs.fileno()), ours)
        except BaseException:
            ours.close()
            raise


def launch(
    plan: Plan, handles: dict[str, int], *, cgroup: int | None, opened: Opened, begun: Forking | None = None
) -> Worker:
    """Fork a worker as our own child and give it the plan; return at once. The handles stay the caller's.

    cgroup: descriptor of a cgroup v2 directory to be born in. begun: the worker is being forked already,
    and is given up, where this raises before it is there, by whoever has begun it: one that stays must be known there.
    Raises Unavailable where no process can be made, InvalidArgument where ids cannot be mapped.
    """
    forking = begun or begin(lambda control: opened.fork_request(control, cgroup))
    try:
        if not plan.waits:
            send_plan(forking.control, plan, handles | opened.handles)
        prepared.use_wait()
    except BaseException:
        if begun is None:
            with suppress(DeadlineExceeded):  # the first error is the one to tell
                forking.give_up()
        raise
    try:
        worker = forking.worker()
    except BaseException:
        forking.control.close()
        raise
    if plan.waits:
        try:
            opened.meet(worker.pid, worker.pidfd.fileno())
            send_plan(worker.control, plan, handles | opened.handles)
        except BaseException:
            with closing(worker), suppress(DeadlineExceeded):  # the first error is the one to tell
                worker.end()
            raise
    return worker


def failure(plan: Told, failed: Failed) -> ContainerdError:
    """Return the error for a step that failed in the worker: which one, on what, asked for where in the document, why."""
    entry = plan.entry(failed.index)
    task = f"cannot {entry.task} ({entry.origin})" if entry.origin else f"cannot {entry.task}"
    if entry.kind == RunHooks.__name__ and failed.errno != dialogue.WORKER_DEFECT:
        refusal = DeadlineExceeded if failed.errno == errno.ETIMEDOUT else InvalidArgument
        return refusal(f"{task}: {_which_hook(entry.origin)}{failed.text}", step=entry.step)
    message = f"{task}: {_cause(entry, failed)}"
    kind = Unavailable if (entry.kind, failed.errno) == _NO_TERMINAL else _kind(failed.errno)
    if kind is Internal and failed.errno == dialogue.WORKER_DEFECT:
        return Internal(message, step=entry.step, hint="this is a defect of pycontainerd: please report it")
    return kind(message, step=entry.step, errno=failed.errno, hint=_hint(entry, failed))


def _which_hook(origin: str) -> str:
    """In runc's words; nothing for a plan of an older version, which does not tell."""
    _hooks, *where = origin.split(".")
    return f"error running {where[0]} hook #{where[1]}: " if len(where) == 2 else ""


def _cause(entry: Entry, failed: Failed) -> str:
    """In runc's words where callers look for them: for a program that is not there, or that cannot be executed."""
    if not failed.errno:
        return failed.text
    error = os.strerror(failed.errno)
    if entry.kind == Exec.__name__ and entry.task.startswith("execute "):
        return f"exec {entry.task.removeprefix('execute ').partition(' ')[0]}: {error.lower()}"
    if entry.kind != FindProgram.__name__ or not entry.task.startswith("find program "):
        return error
    name, in_path, _path = entry.task.removeprefix("find program ").partition(" in ")
    if failed.errno == errno.ENOENT:
        return f'exec: "{name}": ' + ("executable file not found in $PATH" if in_path else f"stat {name}: {error.lower()}")
    return f'exec: "{name}": {error.lower()}'


def vanished(plan: Told, status: WaitStatus | None, *, oom_kills: int = 0) -> ContainerdError:
    """Return the error for a worker that ended without a word.

    status: how it ended, where that is known; oom_kills: of its cgroup, since it was launched.
    """
    task = plan.entry(-1).task
    if status is not None and status.signal == signal.SIGSYS:
        cause = "the seccomp filter (linux.seccomp) killed the process"
        return InvalidArgument(f"cannot {task}: {cause}", step="seccomp", hint=_FILTER_HINT)
    if oom_kills and (status is None or (status.code is None and status.signal in (signal.SIGKILL, None))):
        cause = "the limit (linux.resources.memory.limit) is too small for its init worker, which the kernel has killed"
        return InvalidArgument(f"cannot {task}: {cause}", step="memory", errno=errno.ENOMEM, hint=_MEMORY_HINT)
    if status is not None and status.signal is not None and status.signal not in _OWN_FAULTS:
        from containerd_py.signal_names import signal_name

        name = signal_name(status.signal)
        return Conflict(
            f"cannot {task}: its init worker was ended by {name}", step="init", hint="who has killed it meanwhile?"
        )
    filtered = LoadSeccomp.__name__ in plan.kinds
    hint = "was it killed" + (", or does the seccomp filter refuse what it calls?" if filtered else "?")
    return Internal(f"cannot {task}: its init worker ended unexpectedly", step="init", hint=hint)


def _kind(number: int) -> type[ContainerdError]:
    if number == errno.ENOSYS:
        return NotSupported
    if number in _RETRY:
        return Unavailable
    return InvalidArgument if number in _CALLERS_FAULT else Internal


def _hint(entry: Entry, failed: Failed) -> str | None:
    if failed.errno == errno.ELOOP and entry.task.endswith((" on /proc", " on /sys")):
        return "it must be mounted on ordinary directory, not on a symlink"  # runc's words
    hints = _HINTS.get(entry.kind, {})
    if failed.errno in hints:
        return hints[failed.errno]
    return f"the kernel refused {failed.text}" if failed.text else None
