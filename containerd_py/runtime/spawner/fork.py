"""Forking an init worker off this process, which has one thread (SECURITY R2).

    without namespaces to enter      clone3(new namespaces) ──► worker

    with some (or a time namespace)  clone3() ──► stage: setns …, unshare(time), clone3(new namespaces, PARENT) ──► worker
                                                  ends; the kernel has noted the worker's pid for us (`birth`)

The stage is forked since this process is to stay where it is; a launcher, which ends anyway, is its own stage. One that
enters a cgroup namespace is in the worker's cgroup before that: where cgroup v2 is mounted with nsdelegate, as systemd
mounts it, a process that is outside of its own namespace's root gets nowhere (cgroups(7)).
"""

from __future__ import annotations

import errno
import os
import select

from containerd_py.light import json, signal, socket
from containerd_py.light.contextlib import suppress
from containerd_py.light.dataclasses import replace
from containerd_py.runtime.init import worker
from containerd_py.runtime.init.freeze import GUARD
from containerd_py.runtime.linux import process
from containerd_py.runtime.linux.fd import Fd
from containerd_py.runtime.linux.namespaces import open_time_offsets
from containerd_py.runtime.linux.paths import NO_RESTRICTION, openat2
from containerd_py.runtime.linux.pidfd import pidfd_open, pidfd_send_signal
from containerd_py.runtime.linux.process import Clone, clone3

TYPE_CHECKING = False
if TYPE_CHECKING:
    from contextlib import AbstractContextManager
    from typing import NoReturn

    from containerd_py.runtime.spawner.birth import Birth
    from containerd_py.runtime.spawner.request import Entering, ForkRequest

_LARGEST = 4096
_STAGE_S = 5


class NotAlone(RuntimeError):
    """This process has threads: a fork would copy their locks, held for ever."""


def fork_worker(request: ForkRequest, birthplace: AbstractContextManager[None]) -> tuple[int, Fd]:
    """Fork an init worker; return its pid and pidfd. Raises OSError, NotAlone.

    birthplace: a context in which this process is in the network namespace that a child is to start from.
    """
    _check_alone()
    if request.entering:
        return _fork_by_stage(request, birthplace)
    with birthplace:
        return _fork(request, Clone(0), None)


def fork_sibling(request: ForkRequest, birth: Birth | None) -> tuple[int, Fd]:
    """Fork a worker that is this process's own parent's child; this process has entered the namespaces then.

    birth: where the parent looks for its pid.
    """
    _check_alone()
    if request.cgroup is not None and request.entering.cgroups:
        _move_into(request.cgroup)
        request = replace(request, cgroup=None)
    if request.entering:
        GUARD.arm(lambda _text: None)  # it may enter a container's mount namespace (SECURITY R4)
        enter(request.entering, but=request.entered_last())
    return _fork(request, Clone.PARENT, birth)


def enter(entering: Entering, *, but: tuple[tuple[int, int], ...] = ()) -> None:
    """Enter the namespaces: first with the rights that this process has here, then the user namespace, then the rest.

    A namespace of a container with a user namespace of its own may be entered from there only, one of the host from
    here only. but: joins that are left out. Raises OSError.
    """
    offsets = open_time_offsets() if entering.time_offsets is not None else None
    if entering.oom_score_adj is not None:
        _set_oom_score_adj(entering.oom_score_adj)
    process.set_dumpable(0)  # or what runs there could trace this process (ptrace(2))
    later = [join for join in entering.joins if join[1] != Clone.NEWUSER and join not in but and not _entered(join)]
    for join in entering.joins:
        if join[1] == Clone.NEWUSER:
            process.setns(*join)
    for join in later:
        process.setns(*join)
    if offsets is not None:
        _enter_new_time(offsets, entering.time_offsets or "")


def _move_into(cgroup: int) -> None:
    with Fd(os.open("cgroup.procs", os.O_WRONLY | os.O_CLOEXEC, dir_fd=cgroup)) as members:
        os.write(members.fileno(), b"0")


def _set_oom_score_adj(value: int) -> None:
    """While the file is ours to write. Below, in a user namespace, the worker would have to be dumpable for it, and what
    runs there could trace it meanwhile. Where it is refused the worker tries, and tells.
    """
    with suppress(PermissionError), openat2(-100, "/proc/self/oom_score_adj", os.O_WRONLY, 0, NO_RESTRICTION) as file:
        os.write(file.fileno(), str(value).encode())


def _enter_new_time(offsets: Fd, lines: str) -> None:
    """They are written before the first process enters; from then on they are fixed (time_namespaces(7))."""
    with offsets:
        process.unshare(Clone.NEWTIME)
        try:
            if lines:
                os.write(offsets.fileno(), lines.encode())
        except OSError as problem:
            raise OSError(problem.errno, f"{problem.strerror} (linux.timeOffsets)") from problem


def _entered(join: tuple[int, int]) -> bool:
    """Return False where it is not permitted from here."""
    try:
        process.setns(*join)
    except PermissionError:
        return False
    return True


def _fork(request: ForkRequest, parent: Clone, birth: Birth | None) -> tuple[int, Fd]:
    address = birth.expect() if birth is not None else None
    pid, pidfd = clone3(request.flags | parent, cgroup=request.cgroup, birth=address)
    if pid == 0:
        worker.run(request.control, request.entered_last())
    return pid, Fd(pidfd)


def _fork_by_stage(request: ForkRequest, birthplace: AbstractContextManager[None]) -> tuple[int, Fd]:
    from containerd_py.runtime.spawner.birth import Birth

    birth = Birth()
    cgroup = request.cgroup if request.entering.cgroups else None
    if cgroup is not None:
        request = replace(request, cgroup=None)  # it is born there, by being the stage's
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with ours:
        with theirs, birthplace:
            stage, pidfd = clone3(Clone(0), cgroup=cgroup)
            if stage == 0:
                _be_stage(theirs, request, birth)
        with Fd(pidfd):
            loss = _end_of(stage, pidfd)
        if birth.pid is not None:
            return _own_child(birth.pid)
        told = ours.recv(_LARGEST)  # or the end: nobody else has the other side
    raise OSError(*json.loads(told)) if told else loss


def _end_of(stage: int, pidfd: int) -> OSError:
    """Reap the stage; return what is to be told if it has told nothing itself.

    It has its time: one that is frozen together with the container would hold up every fork that is to come.
    """
    poll = select.poll()
    poll.register(pidfd)
    late = not poll.poll(_STAGE_S * 1000)
    if late:
        pidfd_send_signal(pidfd, signal.SIGKILL)
    status = os.waitstatus_to_exitcode(os.waitpid(stage, 0)[1])
    if late:
        text = f"the namespaces were not entered within {_STAGE_S} s; is their container frozen?"
        return OSError(errno.ETIMEDOUT, text)
    text = f"the process that enters the namespaces ended ({status}); is their container being ended?"
    return OSError(errno.EIO, text)


def _own_child(pid: int) -> tuple[int, Fd]:
    """Only we can reap it, so that the pid is its own."""
    try:
        return pid, Fd(pidfd_open(pid))
    except OSError:  # at the limit of descriptors
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        raise


def _be_stage(channel: socket.socket, request: ForkRequest, birth: Birth) -> NoReturn:
    try:
        process.set_name("pyc:[0:STAGE]")
        fork_sibling(request, birth)
        os._exit(0)
    except OSError as problem:
        channel.send(json.dumps([problem.errno, str(problem)]).encode())
    finally:
        os._exit(1)


def _check_alone() -> None:
    threads = len(os.listdir("/proc/self/task"))
    if threads != 1:
        raise NotAlone(f"cannot fork worker: this process has {threads} threads")
