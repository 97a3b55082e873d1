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
import json
import os
import select
import signal
import socket
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NoReturn

from containerd_py.light_dataclasses import dataclass, replace
from containerd_py.runtime.init import worker
from containerd_py.runtime.init.freeze import GUARD
from containerd_py.runtime.linux import process
from containerd_py.runtime.linux.fd import Fd
from containerd_py.runtime.linux.namespaces import open_time_offsets
from containerd_py.runtime.linux.paths import NO_RESTRICTION, openat2
from containerd_py.runtime.linux.pidfd import pidfd_open, pidfd_send_signal
from containerd_py.runtime.linux.process import Clone, clone3

if TYPE_CHECKING:
    from containerd_py.runtime.spawner.birth import Birth

_LARGEST = 4096
_STAGE_S = 5


class NotAlone(RuntimeError):
    """This process has threads: a fork would copy their locks, held for ever."""


@dataclass(frozen=True)
class Entering:
    """Where the worker is to be born. joins: descriptors and their flags of setns(2), a pid namespace after the others.

    time_offsets: lines for the timens_offsets of a new time namespace, None without one. oom_score_adj: set before it is
    there, where that is permitted.
    """

    joins: tuple[tuple[int, int], ...] = ()
    time_offsets: str | None = None
    oom_score_adj: int | None = None

    def __bool__(self) -> bool:
        return bool(self.joins) or self.time_offsets is not None

    @property
    def cgroups(self) -> bool:
        """True where a cgroup namespace is among them."""
        return any(flags & Clone.NEWCGROUP for _fd, flags in self.joins)


@dataclass(frozen=True)
class ForkRequest:
    """control: what the worker listens to; flags: namespaces to make; cgroup: a cgroup v2 directory to be born in."""

    control: int
    flags: Clone
    cgroup: int | None = None
    entering: Entering = Entering()

    def entered_last(self) -> tuple[tuple[int, int], ...]:
        """Return those of the joins that the worker does itself, once it is in its cgroup: cgroup namespaces.

        Where cgroup2 is mounted with nsdelegate, as by systemd, nothing is moved into a cgroup or born in it from within a
        namespace that the place it comes from lies outside of (cgroup-v2.rst, "Delegation Containment": ENOENT). A worker
        in a new user namespace has no right to enter one of the host's any more.
        """
        if self.flags & Clone.NEWUSER:
            return ()
        return tuple(join for join in self.entering.joins if join[1] == Clone.NEWCGROUP)

    def message(self) -> tuple[dict[str, Any], list[int]]:
        """Return the fields of a spawn message, and the descriptors that go with it."""
        joins, entering = self.entering.joins, self.entering
        fds = [self.control, *([] if self.cgroup is None else [self.cgroup]), *(fd for fd, _flags in joins)]
        flags = {"flags": int(self.flags), "joins": [flags for _fd, flags in joins]}
        values = {"time_offsets": entering.time_offsets, "oom_score_adj": entering.oom_score_adj}
        return {"cgroup": self.cgroup is not None, **values, **flags}, fds

    @classmethod
    def read(cls, message: dict[str, Any], fds: list[int]) -> tuple[ForkRequest, int]:
        """Read a spawn message; return the request and how many of the descriptors belong to it."""
        cgroup = 1 if message["cgroup"] else None
        first = 2 if cgroup else 1
        joins = tuple(zip(fds[first:], message["joins"], strict=False))
        entering = Entering(joins, message["time_offsets"], message.get("oom_score_adj"))
        return cls(fds[0], Clone(message["flags"]), fds[cgroup] if cgroup else None, entering), first + len(joins)


def fork_worker(request: ForkRequest) -> tuple[int, Fd]:
    """Fork an init worker; return its pid and pidfd. Raises OSError, NotAlone."""
    _check_alone()
    if request.entering:
        return _fork_by_stage(request)
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


def _fork_by_stage(request: ForkRequest) -> tuple[int, Fd]:
    from containerd_py.runtime.spawner.birth import Birth

    birth = Birth()
    cgroup = request.cgroup if request.entering.cgroups else None
    if cgroup is not None:
        request = replace(request, cgroup=None)  # it is born there, by being the stage's
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with ours:
        with theirs:
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
