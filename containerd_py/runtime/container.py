"""The library door: a container of the caller's own, without a daemon.

with Container.create("demo", spec, state_root="/run/me", bundle=".") as container:
    container.start()
    print(container.wait())
"""

from __future__ import annotations

import contextlib
import os
import re
import select
import signal
from dataclasses import replace
from typing import TYPE_CHECKING, Self

from containerd_py.errors import Conflict, ContainerdError, InvalidArgument
from containerd_py.runtime import console, process
from containerd_py.runtime.cgroups import manager
from containerd_py.runtime.cgroups.manager import CgroupManager, Placement
from containerd_py.runtime.cgroups.normalise import normalise
from containerd_py.runtime.host import probe
from containerd_py.runtime.init import dialogue
from containerd_py.runtime.linux.fd import Fd
from containerd_py.runtime.linux.pidfd import WaitStatus, pidfd_send_signal, witness_exit
from containerd_py.runtime.plan.compiler import Placing, compile_plan
from containerd_py.runtime.seccomp.compile import compile_profile
from containerd_py.runtime.spec.validate import validate
from containerd_py.runtime.state import State, StateDirectory

if TYPE_CHECKING:
    from containerd_py.runtime.cgroups.manager import Cgroup
    from containerd_py.runtime.plan.plan import Plan
    from containerd_py.runtime.process import Worker
    from containerd_py.runtime.spec.linux import Linux
    from containerd_py.runtime.spec.models import Spec

_ID = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.+-]{0,127}", re.ASCII)
_PARENT = "/pycontainerd"
"""Where containers lie that ask for no cgroup of their own; the last one to be destroyed takes it along."""

_REMOVAL_S = 5.0


class Container:
    """A container that this process made and is the parent of; a context manager that destroys it.

    Its standard streams are the caller's where the spec asks for no terminal, unless they are a terminal: a payload
    never gets a terminal of the host, but one of its own, joined with the caller's by `wait`.
    """

    def __init__(
        self, directory: StateDirectory, state: State, cgroup: Cgroup, worker: Worker, terminal: Fd | None
    ) -> None:
        self._directory = directory
        self._state = state
        self._cgroup = cgroup
        self._worker = worker
        self._terminal = terminal
        self._status: WaitStatus | None = None
        self._plan: Plan | None = None

    @classmethod
    def create(cls, container_id: str, spec: Spec, *, state_root: str, bundle: str = ".") -> Self:
        """Make a container whose init worker waits for `start`.

        state_root: where `<id>/state.json` is kept; made where it is missing, and removed with the last container in it.
        bundle: what a relative root.path is relative to.
        Raises InvalidArgument, NotSupported, Conflict or Unavailable, and leaves nothing behind.
        """
        check_id(container_id)
        validate(spec)
        directory = StateDirectory(state_root, container_id)
        directory.make()
        try:
            return cls._create(directory, container_id, spec, os.path.abspath(bundle))
        except BaseException:
            with contextlib.suppress(OSError):  # the first error is the one to tell
                directory.remove()
            raise

    @classmethod
    def _create(cls, directory: StateDirectory, container_id: str, spec: Spec, bundle: str) -> Self:
        cgroup = _make_cgroup(container_id, spec.linux)
        try:
            placing = Placing(root_path(spec, bundle), container_id, len(cgroup.v1))
            seccomp = compile_profile(spec.linux.seccomp) if spec.linux.seccomp else None
            plan = compile_plan(spec, placing, seccomp)
            worker, terminal = _launch(plan, cgroup, terminal=bool(spec.process and spec.process.terminal))
        except BaseException:
            with contextlib.suppress(ContainerdError, OSError):  # the first error is the one to tell
                _remove_cgroup(cgroup)
            raise
        state = State(container_id, "created", worker.pid, bundle, dict(spec.annotations), cgroup.paths)
        container = cls(directory, state, cgroup, worker, terminal)
        container._plan = plan
        try:
            container._remember("created")
        except BaseException:
            container._release()
            raise
        return container

    def start(self) -> None:
        """Let the worker become the payload. Raises Conflict unless created, InvalidArgument if it cannot be executed."""
        if self._state.status != "created" or self._plan is None:
            raise Conflict(f"cannot start container {self._state.id!r}: it is {self._state.status}")
        control = self._worker.control
        try:
            dialogue.send_start(control)
        except (BrokenPipeError, ConnectionResetError):
            raise process.vanished() from None
        message, _fds = dialogue.receive(control)
        while isinstance(message, dialogue.Times):
            message, _fds = dialogue.receive(control)
        if isinstance(message, dialogue.Failed):
            raise process.failure(self._plan, message)
        self._remember("running")

    def wait(self) -> WaitStatus:
        """Return how the payload ended. With a terminal, the caller's standard input and output are joined with it."""
        if self._status is None:
            self._join_terminal()
            self._status = _reap(self._worker)
            self._remember("stopped")
        return self._status

    def _join_terminal(self) -> None:
        if self._terminal is None:
            return
        pidfd = self._worker.pidfd.fileno()
        if not console.proxy(self._terminal.fileno(), stdin=0, stdout=1, until=pidfd):
            self._terminal.close()
            self._terminal = None

    def kill(self, number: int = signal.SIGKILL) -> None:
        """Send a signal to the payload. Raises Conflict when it has ended."""
        if self._status is not None or _has_ended(self._worker):
            raise Conflict(f"cannot kill container {self._state.id!r}: it has ended")
        with contextlib.suppress(ProcessLookupError):  # it ended this very moment
            pidfd_send_signal(self._worker.pidfd.fileno(), number)

    def destroy(self) -> None:
        """Kill what runs and remove everything that was made. A second call does nothing."""
        if self._state.status == "destroyed":
            return
        self._release()
        self._directory.remove()
        self._state = State(self._state.id, "destroyed", 0, self._state.bundle, {}, ())

    def _release(self) -> None:
        """End every process, remove the cgroup, close the descriptors."""
        if self._status is None:
            self._status = _end(self._worker)
        _remove_cgroup(self._cgroup)
        self._worker.close()
        if self._terminal is not None:
            self._terminal.close()

    def state(self) -> State:
        return self._state

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_problem: object) -> None:
        self.destroy()

    def _remember(self, status: str) -> None:
        pid = 0 if status == "stopped" else self._worker.pid
        old = self._state
        self._state = State(old.id, status, pid, old.bundle, old.annotations, old.cgroups)
        self._directory.write(self._state)


def check_id(container_id: str) -> None:
    """SECURITY R20: an id becomes the name of a directory and of a cgroup. Raises InvalidArgument."""
    if not _ID.fullmatch(container_id) or ".." in container_id:
        raise InvalidArgument(
            f"cannot create container {container_id!r}: not an id",
            step="validate",
            hint="letters, digits and _ . + - (not first), at most 128",
        )


def root_path(spec: Spec, bundle: str) -> str:
    """Return the root's absolute path, checked to be a directory without symlinks. Raises InvalidArgument."""
    path = os.path.normpath(os.path.join(bundle, spec.root.path))
    problem = None
    if not os.path.lexists(path):
        problem = "it does not exist"
    elif os.path.realpath(path) != path:
        raise InvalidArgument(
            f"cannot use root file system {path!r}: it is, or lies behind, a symlink",
            step="rootfs",
            errno="ELOOP",
            hint=f"give its real path, {os.path.realpath(path)!r}",
        )
    elif not os.path.isdir(path):
        problem = "it is not a directory"
    elif path == "/":
        problem = "it is the host's own root"
    if problem:
        number = "ENOENT" if "exist" in problem else "ENOTDIR" if "directory" in problem else "EINVAL"
        raise InvalidArgument(f"cannot use root file system {path!r}: {problem}", step="rootfs", errno=number)
    return path


def _make_cgroup(container_id: str, linux: Linux) -> Cgroup:
    cgroups = CgroupManager(probe().cgroups)
    if linux.cgroups_path:
        return cgroups.create(linux.cgroups_path, normalise(linux.resources))
    cgroup = cgroups.create(f"{_PARENT}/{container_id}", normalise(linux.resources))
    return replace(cgroup, parents=tuple(map(os.path.dirname, cgroup.paths)))


def _remove_cgroup(cgroup: Cgroup) -> None:
    """Without a pid namespace, processes may have outlived the payload: they are killed first."""
    manager.kill(cgroup)
    manager.remove_wait(cgroup, timeout_s=_REMOVAL_S)
    manager.remove_parents(cgroup)


def _launch(plan: Plan, cgroup: Cgroup, *, terminal: bool) -> tuple[Worker, Fd | None]:
    """Launch the worker and wait until it is ready; return it and the master of its terminal."""
    streams = {} if terminal else _own_streams()
    with Placement(cgroup) as placement:
        handles = streams | {f"cgroup{index}": fd.fileno() for index, fd in enumerate(placement.tasks)}
        directory = placement.directory.fileno() if placement.directory else None
        worker = process.launch(plan, handles, cgroup=directory)
    try:
        return worker, _await_ready(plan, worker)
    except BaseException:
        _end(worker)
        worker.close()
        raise


def _await_ready(plan: Plan, worker: Worker) -> Fd | None:
    """Return the master of the payload's terminal, where it has one. Raises what made the worker fail."""
    message, fds = dialogue.receive(worker.control)
    if isinstance(message, dialogue.Ready):
        return Fd(fds[0]) if fds else None
    raise process.failure(plan, message) if isinstance(message, dialogue.Failed) else process.vanished()


def _end(worker: Worker) -> WaitStatus:
    with contextlib.suppress(ProcessLookupError):  # it ended, and the host process ignores SIGCHLD
        pidfd_send_signal(worker.pidfd.fileno(), signal.SIGKILL)
    return _reap(worker)


def _reap(worker: Worker) -> WaitStatus:
    """Wait for the end; tell nothing (neither code nor signal) where somebody else reaped it and the kernel forgot."""
    _has_ended(worker, timeout_s=None)
    return witness_exit(worker.pidfd.fileno()) or WaitStatus(None, None)


def _has_ended(worker: Worker, *, timeout_s: float | None = 0) -> bool:
    """Wait for the end, without limit where `timeout_s` is None."""
    poll = select.poll()  # select(2) takes no descriptor above 1023
    poll.register(worker.pidfd, select.POLLIN)
    return bool(poll.poll(None if timeout_s is None else timeout_s * 1000))


def _own_streams() -> dict[str, int]:
    """The caller's streams; one that is a terminal is refused, since its other end is the host's (SECURITY R7)."""
    streams = {"stdin": 0, "stdout": 1, "stderr": 2}
    for name, fd in streams.items():
        if os.isatty(fd):
            raise InvalidArgument(
                f"cannot give {name} to the container: it is a terminal of the host",
                step="stdio",
                hint="set process.terminal, and the container gets a terminal of its own",
            )
    return streams
