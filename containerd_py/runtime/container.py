"""The library door: a container of the caller's own, without a daemon.

with Container.create("demo", spec, state_root="/run/me", bundle=".") as container:
    container.start()
    print(container.wait())

Another process may go on with it: `Container.load("demo", state_root="/run/me")`.

What only making a container, or executing in it, needs is imported there: `pyrunc state` and its like are run often, and
the models of the specification take longer to import than all they do.
"""

from __future__ import annotations

import contextlib
import logging
import os
import re
import signal
from dataclasses import replace
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal, Self

from containerd_py.errors import (
    Conflict,
    ContainerdError,
    DeadlineExceeded,
    Internal,
    InvalidArgument,
    NotFound,
    OutOfSpace,
    Unavailable,
)
from containerd_py.runtime import console, hooks, identity
from containerd_py.runtime.cgroups import freezer, killing, members
from containerd_py.runtime.cgroups.destroying import destroy
from containerd_py.runtime.init import dialogue
from containerd_py.runtime.launcher import ProcessHandle
from containerd_py.runtime.linux.fd import Fd
from containerd_py.runtime.linux.pidfd import WaitStatus
from containerd_py.runtime.state import State, StateDirectory, list_ids

if TYPE_CHECKING:
    import socket
    from collections.abc import Mapping

    from containerd_py.runtime.cgroups.cgroup import Cgroup
    from containerd_py.runtime.cgroups.manager import CgroupManager
    from containerd_py.runtime.cgroups.oom import OomWatch
    from containerd_py.runtime.cgroups.stats import Stats
    from containerd_py.runtime.execution import Execution
    from containerd_py.runtime.spec.hooks import Hook
    from containerd_py.runtime.spec.linux import Linux
    from containerd_py.runtime.spec.models import Spec
    from containerd_py.runtime.spec.process import Process
    from containerd_py.runtime.spec.resources import Resources
    from containerd_py.runtime.streams import Streams

_log = logging.getLogger(__name__)
_ID = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.+-]{0,127}", re.ASCII)
_END_S = 5.0
_KILL_S = 10.0
_LIVE = ("created", "running", "paused")


class Container:
    """A container; a context manager that destroys it. Who created it is the payload's parent.

    A payload never gets a terminal of the host, but one of its own, joined with the caller's by `wait` unless it was
    handed to a console socket.
    """

    def __init__(
        self, directory: StateDirectory, state: State, handle: ProcessHandle | None, terminal: Fd | None = None
    ) -> None:
        self._directory = directory
        self._state = state
        self._process = handle
        self._terminal = terminal
        self._status: WaitStatus | None = None

    @classmethod
    def create(
        cls,
        container_id: str,
        spec: Spec,
        *,
        state_root: str,
        bundle: str = ".",
        streams: Streams | None = None,
        console_socket: str | None = None,
        preserve_fds: int = 0,
    ) -> Self:
        """Make a container whose init worker waits for `start`.

        state_root: where `<id>/` is kept; made where it is missing, and removed with the last container in it.
        bundle: what a relative root.path is relative to. console_socket: where the terminal's master is sent;
        preserve_fds: how many descriptors from 3 on are handed on.
        Raises InvalidArgument, NotSupported, Conflict or Unavailable, and leaves nothing behind.
        """
        from containerd_py.runtime.creation import Attachments, Creation
        from containerd_py.runtime.requirements import check_host
        from containerd_py.runtime.spec.validate import validate
        from containerd_py.runtime.streams import OWN_STREAMS
        from containerd_py.runtime.userns import may_drop_groups

        check_id(container_id)
        validate(spec)
        check_host(spec, may_drop_groups=may_drop_groups(spec))
        directory = StateDirectory(state_root, container_id)
        attachments = Attachments(streams or OWN_STREAMS, console_socket, preserve_fds)
        made = Creation(directory, container_id, spec, os.path.abspath(bundle), attachments).run()
        return cls(directory, made.state, made.worker, made.terminal)

    @classmethod
    def load(cls, container_id: str, *, state_root: str) -> Self:
        """Find a container that any process made. Raises NotFound, InvalidArgument, Internal."""
        check_id(container_id)
        directory = StateDirectory(state_root, container_id)
        state = directory.read()
        pidfd = identity.find(state.pid, state.identity, state.boot_id)
        return cls(directory, state, None if pidfd is None else ProcessHandle(state.pid, pidfd))

    @staticmethod
    def forget(container_id: str, *, state_root: str) -> bool:
        """Free an id that `load` does not find, and `create` finds taken, since whoever made or removed it was killed.

        Tell whether there was such a thing. Raises InvalidArgument, Conflict.
        """
        check_id(container_id)
        return StateDirectory(state_root, container_id).remove_leftover()

    @staticmethod
    def discard(container_id: str, *, state_root: str) -> tuple[str, ...]:
        """Remove a container whose `state.json` cannot be read, with whatever runs in its cgroup.

        Return the names of the files that are damaged. Its hooks are not run, and an Intel RDT group that was made for it
        stays. Raises NotFound, Conflict, Unavailable; Conflict too where nothing is damaged.
        """
        from containerd_py.runtime.salvage import discard

        check_id(container_id)
        return discard(StateDirectory(state_root, container_id), container_id)

    @classmethod
    def list(cls, state_root: str) -> tuple[State, ...]:
        """Return the states of all containers below a state root; one that vanishes meanwhile is left out."""
        states = []
        for container_id in list_ids(state_root):
            with contextlib.suppress(ContainerdError):
                container = cls.load(container_id, state_root=state_root)
                states.append(container.state())
                container.close()
        return tuple(states)

    # ── life ──

    def start(self) -> None:
        """Let the worker become the payload. Raises Conflict unless created, InvalidArgument if it cannot be executed."""
        with self._directory.locked():
            self._check("start", "created")
            try:
                with self._directory.connect() as connection:
                    dialogue.send_start(connection)
                    self._hear_start(connection)
            except (BrokenPipeError, ConnectionResetError, ConnectionRefusedError, FileNotFoundError):
                raise self._vanished() from None
            self._directory.stop_listening()  # from here on `state` says running, whatever the file says
            with contextlib.suppress(ContainerdError):  # no room on the disk: the payload runs all the same
                self._remember("running")
        hooks.run_all("poststart", self._hooks("poststart"), self.state().document())

    def _hear_start(self, connection: socket.socket) -> None:
        executing = False
        while True:
            message, fds = dialogue.receive(connection)
            match message:
                case dialogue.Listener():
                    self._hand_over(Fd(fds[0]))
                case dialogue.Failed():
                    raise self._failure(message)
                case dialogue.Times():
                    executing = True
                case None if executing:
                    return
                case _:
                    raise self._vanished()

    def _vanished(self) -> ContainerdError:
        if self._process is not None and self._process.has_ended(timeout_s=_END_S):
            self._status = self._process.reap()
        from containerd_py.runtime import process
        from containerd_py.runtime.cgroups.oom import oom_kills

        return process.vanished(self._directory.plan(), self._status, oom_kills=oom_kills(self._state.cgroup))

    def _hand_over(self, listener: Fd) -> None:
        from containerd_py.runtime.creation import hand_over_listener

        hand_over_listener(self.spec, self._state, listener)

    def _failure(self, failed: dialogue.Failed) -> ContainerdError:
        from containerd_py.runtime import process

        return process.failure(self._directory.plan(), failed)

    def wait(self) -> WaitStatus:
        """Return how the payload ended. With a terminal, the caller's standard input and output are joined with it.

        Neither code nor signal where this process is not its parent and the kernel keeps no record (before Linux 6.15).
        """
        if self._status is None:
            self._join_terminal()
            self._status = WaitStatus(None, None) if self._process is None else self._process.reap()
            with contextlib.suppress(ContainerdError):  # deleted by another process meanwhile, or no room on the disk
                self._remember("stopped")
        return self._status

    def _join_terminal(self) -> None:
        if self._terminal is None or self._process is None:
            return
        pidfd = self._process.pidfd.fileno()
        if not console.proxy(self._terminal.fileno(), stdin=0, stdout=1, until=pidfd):
            self._terminal.close()
            self._terminal = None

    def exec(
        self,
        document: Process,
        *,
        streams: Streams | None = None,
        console_socket: str | None = None,
        preserve_fds: int = 0,
        cgroup: Mapping[str, str] = MappingProxyType({}),
        paused: bool = False,
    ) -> Execution:
        """Run another process in the container.

        cgroup: paths below the container's own cgroup, by controller ("" for all others). paused: allow a container that
        is paused; the process then waits with it.
        Raises Conflict unless running; InvalidArgument, NotSupported, Unavailable: then nothing runs.
        """
        from containerd_py.runtime.creation import Attachments
        from containerd_py.runtime.execution import execute
        from containerd_py.runtime.streams import OWN_STREAMS

        attachments = Attachments(streams or OWN_STREAMS, console_socket, preserve_fds)
        with self._directory.locked():
            self._check("execute in", "running", "created", *(["paused"] if paused else []))
            assert self._process is not None  # noqa: S101 - or it were stopped
            place = _cgroups().sub_cgroup(self._state.cgroup, cgroup) if cgroup else self._state.cgroup
            return execute(
                replace(self._state, cgroup=place), self.spec, self._process.pidfd.fileno(), document, attachments
            )

    # ── signals, and what it may use ──

    def kill(self, number: int = signal.SIGKILL, *, everything: bool = False) -> None:
        """Send a signal to the payload, or to every process of the container. Raises Conflict when it has ended."""
        if self.state().status not in _LIVE or self._process is None:
            raise Conflict(f"cannot kill container {self._state.id!r}: it has ended", step="kill")
        if everything:
            self._signal_all(number)
        self._process.signal(number)

    def _signal_all(self, number: int) -> None:
        if number == signal.SIGKILL:
            killing.kill(self._state.cgroup)
        else:
            killing.signal_all(self._state.cgroup, number)

    def pause(self) -> None:
        """Stop every process of the container where it is. Raises Conflict unless running; NotSupported, Unavailable."""
        with self._directory.locked():
            self._check("pause", "running")
            freezer.freeze(self._state.cgroup)

    def resume(self) -> None:
        """Let the processes of a paused container go on. Raises Conflict unless paused."""
        with self._directory.locked():
            self._check("resume", "paused")
            freezer.thaw(self._state.cgroup)

    def update(self, resources: Resources) -> None:
        """Change limits, live; those that are not named stay. Raises InvalidArgument, NotSupported, Conflict."""
        from containerd_py.runtime.cgroups.normalise import normalise

        with self._directory.locked():
            self._check("update", *_LIVE)
            before = self._state.cgroup
            cgroup = _cgroups().update(before, normalise(resources))
            self._state = replace(self._directory.read(), cgroup=cgroup, kept=self._kept_anew(cgroup, resources))
            try:
                self._directory.write(self._state)
            except (OutOfSpace, Unavailable):  # the limits are in force; only hierarchies that it has joined must be known
                if (cgroup.paths, cgroup.parents) != (before.paths, before.parents):
                    raise

    def _kept_anew(self, cgroup: Cgroup, resources: Resources) -> dict[str, Any]:
        from containerd_py.runtime import kept
        from containerd_py.runtime.host import probe

        before = self._state.kept
        if not before:  # schema 1
            return before
        config = before["config"]
        limits = config["cgroups"] | kept.limits(resources)
        return before | {
            "cgroup_paths": kept.cgroup_paths(cgroup, probe().cgroups),
            "config": config | {"cgroups": limits},
        }

    def stats(self) -> Stats:
        """Return what it uses. Raises Conflict where it has ended."""
        from containerd_py.runtime.cgroups.stats import collect

        self._check("measure", *_LIVE)
        return collect(self._state.cgroup)

    def oom(self) -> OomWatch:
        """Return what tells when a process is killed for want of memory. Raises Conflict where it has ended."""
        from containerd_py.runtime.cgroups.oom import OomWatch

        self._check("watch", *_LIVE)
        return OomWatch(self._state.cgroup)

    def processes(self) -> tuple[int, ...]:
        """Return the container's processes as this process numbers them."""
        found = members.pids(self._state.cgroup)
        return found or ((self._state.pid,) if self.state().pid else ())

    def destroy(self, *, force: bool = False) -> None:
        """Remove everything that was made; what runs is killed with `force`. A second call does nothing.

        Raises Conflict for a running container without `force`; DeadlineExceeded where it cannot be killed, and stays.
        """
        if self._state.status == "destroyed":
            return
        if force:
            self._end_all()
        with contextlib.suppress(NotFound):  # another process was first
            with self._directory.locked():
                if not force:
                    self._check("destroy", "creating", "created", "stopped")
                document = replace(self.state(), status="stopped", pid=0).document()
                poststop, linux = self._to_undo(force=force)
                self._release(linux)
                self._directory.remove()
            hooks.run_all("poststop", poststop, document)
        self._state = replace(self._state, status="destroyed", pid=0)

    def _end_all(self) -> None:
        """Without taking turns: a payload can stop the worker of an exec, and keep whose turn it is for ever.

        As long as the process lives, the cgroup is its container's and no namesake's.
        """
        if self._process is not None and not self._process.has_ended():
            killing.kill(self._state.cgroup)
            self._process.signal(signal.SIGKILL)

    def _to_undo(self, *, force: bool) -> tuple[tuple[Hook, ...], Linux | None]:
        """Return what the document says of the end: hooks, and what was provided. With `force` it may be damaged."""
        try:
            return self._hooks("poststop"), self.spec.linux if "intelRdt" in self._document.get("linux", {}) else None
        except (Internal, NotFound) as problem:
            if not force:
                raise
            _log.warning("%s; its poststop hooks are not run", problem.message)
            return (), None

    def _release(self, linux: Linux | None) -> None:
        """End every process, remove the cgroup, take back what was provided, close the descriptors."""
        if self._status is None and self._process is not None:
            self._status = self._end(self._process)
        destroy(self._state.cgroup)
        if linux is not None:
            from containerd_py.runtime.provision import take_back

            take_back(linux, self._state.id)
        self.close()

    def _end(self, payload: ProcessHandle) -> WaitStatus:
        if not payload.has_ended():
            payload.signal(signal.SIGKILL)
            killing.kill(self._state.cgroup)  # frozen by the freezer of v1, it dies when it is thawed only
        if not payload.has_ended(timeout_s=_KILL_S):
            raise DeadlineExceeded(
                f"cannot end container {self._state.id!r}: process {payload.pid} was killed {_KILL_S:g} s ago and stays",
                step="kill",
                hint=f"somebody else may have frozen it, see /proc/{payload.pid}/cgroup, or it waits for a device",
            )
        return payload.reap()

    def close(self) -> None:
        """Close what is open here; the container stays."""
        if self._process is not None:
            self._process.close()
        if self._terminal is not None:
            self._terminal.close()

    # ── what is known ──

    @property
    def pid(self) -> int:
        return self.state().pid

    @property
    def cgroups(self) -> tuple[str, ...]:
        """The directories of its cgroup, whether it is still there or not."""
        return self._state.cgroups

    @cached_property
    def spec(self) -> Spec:
        """The document that it was made from."""
        from containerd_py.runtime.spec.models import Spec

        try:
            return Spec.model_validate(self._document)
        except ValueError as problem:  # ValidationError is one
            raise self._directory.damaged("config.json", problem) from problem

    @cached_property
    def _document(self) -> dict[str, Any]:
        return self._directory.config()

    def _hooks(self, moment: Literal["poststart", "poststop"]) -> tuple[Hook, ...]:
        """Most documents have none, and need not be read for it."""
        hooks: tuple[Hook, ...] = getattr(self.spec.hooks, moment) if self._document.get("hooks") else ()
        return hooks

    def state(self) -> State:
        """Return what is so now, whoever changed it. Raises NotFound where another process has deleted it."""
        if self._state.status == "destroyed":
            return self._state
        self._state = self._directory.read()
        if self._state.status in ("creating", *_LIVE) and self._has_ended():
            return replace(self._state, status="stopped", pid=0)
        if self._state.status == "created" and not self._directory.awaits_start():  # whoever started it was killed
            self._state = replace(self._state, status="running")
        if self._state.status == "running" and freezer.is_frozen(self._state.cgroup):
            return replace(self._state, status="paused")
        return self._state

    def _has_ended(self) -> bool:
        if self._state.status == "creating" and self._process is None:
            return False
        return self._process is None or self._process.has_ended()

    def _check(self, action: str, *allowed: str) -> None:
        found = self.state().status
        if found not in allowed:
            raise Conflict(f"cannot {action} container {self._state.id!r}: it is {found}", step="state")

    def _remember(self, status: str) -> None:
        pid = 0 if status == "stopped" else self._state.pid
        self._state = replace(self._directory.read(), status=status, pid=pid)
        self._directory.write(self._state)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_problem: object) -> None:
        self.destroy(force=True)


def _cgroups() -> CgroupManager:
    from containerd_py.runtime.cgroups.manager import CgroupManager
    from containerd_py.runtime.host import probe

    return CgroupManager(probe().cgroups)


def check_id(container_id: str) -> None:
    """SECURITY R20: an id becomes the name of a directory and of a cgroup. Raises InvalidArgument."""
    if not _ID.fullmatch(container_id) or ".." in container_id:
        raise InvalidArgument(
            f"cannot use container id {container_id!r}: not an id",
            step="validate",
            hint="letters, digits and _ . + - (not first), at most 128",
        )
