"""The parent's side of an init worker: handing it a Plan, hearing how it went, starting the payload.

The daemon has its worker forked by the spawner; everybody else by `launch`, which executes a sealed launcher that
forks the worker as this process's own child. What is said to the worker is the same (`init.dialogue`).
"""

from __future__ import annotations

import errno
import os
import socket
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from containerd_py.errors import ContainerdError, Internal, InvalidArgument, NotSupported, Unavailable
from containerd_py.runtime.init import dialogue
from containerd_py.runtime.linux.fd import Fd
from containerd_py.runtime.linux.memfd import sealed
from containerd_py.runtime.plan.operations import AttachRoot, CloneTree, Exec, FindProgram, Operation
from containerd_py.runtime.spawner import protocol, seal

if TYPE_CHECKING:
    from containerd_py.runtime.init.dialogue import Failed
    from containerd_py.runtime.plan.plan import Plan

_RETRY = (errno.EAGAIN, errno.ENOMEM, errno.EMFILE, errno.ENFILE)
_CALLERS_FAULT = (
    *(errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.ELOOP, errno.EACCES, errno.EPERM, errno.ENOEXEC),
    *(errno.EINVAL, errno.EEXIST, errno.ENODEV, errno.ENAMETOOLONG, errno.EROFS, errno.E2BIG, errno.ETXTBSY),
)
_EXEC_HINTS = {
    errno.ENOENT: "look for the program, its interpreter (#!) and its dynamic loader inside the root file system",
    errno.EACCES: "make it executable, by chmod inside the root file system",
    errno.EISDIR: "name a program, not a directory",
    errno.ENOEXEC: "the file is no program of this machine: check its architecture and its #! line",
}
_HINTS: dict[type[Operation], dict[int, str]] = {
    FindProgram: _EXEC_HINTS,
    Exec: _EXEC_HINTS,
    AttachRoot: {
        errno.ENOENT: "make the root file system first, or correct its path",
        errno.ENOTDIR: "a root file system is a directory",
        errno.ELOOP: "a root file system must not be, or lie behind, a symlink: give its real path",
    },
    CloneTree: {errno.ENOENT: "make the mount's source on the host first, or correct its path"},
}


@dataclass(slots=True)
class Worker:
    """A worker that was forked. control: our end of the dialogue."""

    pid: int
    pidfd: Fd
    control: socket.socket

    def close(self) -> None:
        self.pidfd.close()
        self.control.close()


def open_dialogue(plan: Plan, handles: dict[str, int]) -> tuple[socket.socket, socket.socket]:
    """Return (our end, the worker's end) of a control socket in which the plan and the handles wait already."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    try:
        with sealed("plan", plan.encode()) as document:
            dialogue.send_plan(ours, {"plan": document.fileno(), **handles})
    except BaseException:
        ours.close()
        theirs.close()
        raise
    return ours, theirs


def launch(plan: Plan, handles: dict[str, int], *, cgroup: int | None) -> Worker:
    """Fork a worker as our own child and give it the plan; return at once. The handles stay the caller's.

    cgroup: descriptor of a cgroup v2 directory to be born in. Raises Unavailable where no process can be made.
    """
    ours, theirs = open_dialogue(plan, handles)
    with theirs:
        try:
            pid, pidfd = _launch(plan, theirs.fileno(), cgroup)
        except BaseException:
            ours.close()
            raise
    return Worker(pid, pidfd, ours)


def _launch(plan: Plan, control: int, cgroup: int | None) -> tuple[int, Fd]:
    request, role_end = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with request:
        message = {"op": "spawn", "flags": int(plan.clone_flags()), "cgroup": cgroup is not None}
        protocol.send(request, message, [control] if cgroup is None else [control, cgroup])
        with role_end:
            launcher = seal.start_role("launcher", role_end.fileno(), session=False)
        try:
            answer, fds = protocol.receive(request)
        finally:
            with suppress(ChildProcessError):  # a host program that ignores SIGCHLD
                os.waitpid(launcher, 0)
    if answer is None:
        raise Internal("cannot fork worker: the launcher ended without a word", step="fork")
    if answer["op"] == "refused":
        raise refusal(answer["errno"], answer["text"])
    return answer["pid"], Fd(fds[0])


def refusal(number: int | None, text: str) -> ContainerdError:
    """Return the error for a fork that was refused."""
    return Unavailable(
        f"cannot fork worker: {text}", step="fork", errno=number, hint="the host may be out of processes or memory"
    )


def failure(plan: Plan, failed: Failed) -> ContainerdError:
    """Return the error for a step that failed in the worker: which one, on what, why."""
    operation = plan.operations[failed.index]
    cause = os.strerror(failed.errno) if failed.errno else failed.text
    message = f"cannot {operation.describe()}: {cause}"
    kind = _kind(failed.errno)
    if kind is Internal and failed.errno == dialogue.WORKER_DEFECT:
        return Internal(message, step=operation.step, hint="this is a defect of pycontainerd: please report it")
    return kind(message, step=operation.step, errno=failed.errno, hint=_hint(operation, failed))


def vanished() -> ContainerdError:
    """Return the error for a worker that ended without a word."""
    return Internal("cannot create container: its init worker ended unexpectedly", step="init", hint="was it killed?")


def _kind(number: int) -> type[ContainerdError]:
    if number == errno.ENOSYS:
        return NotSupported
    if number in _RETRY:
        return Unavailable
    return InvalidArgument if number in _CALLERS_FAULT else Internal


def _hint(operation: Operation, failed: Failed) -> str | None:
    hints = _HINTS.get(type(operation), {})
    if failed.errno in hints:
        return hints[failed.errno]
    return f"the kernel refused {failed.text}" if failed.text else None
