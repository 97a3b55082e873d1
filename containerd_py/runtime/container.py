"""The library door: a container of the caller's own, without a daemon.

with Container.create("demo", spec, state_root="/run/me", bundle=".") as container:
    container.start()
    print(container.wait())

Another process may go on with it: `Container.load("demo", state_root="/run/me")`.

What only making a container, or executing in it, needs is imported there: `pyrunc state` and its like are run often, and
the models of the specification take longer to import than all they do.

Here: finding, waiting, executing. Beside it: `making`, `known` (the record), `starting`, `control` (signals, limits),
`ending` (destroying), `salvage` (removing what is damaged).
"""

from __future__ import annotations

import os

from containerd_py.errors import ContainerdError
from containerd_py.light import contextlib
from containerd_py.light.dataclasses import replace
from containerd_py.runtime import identity
from containerd_py.runtime.beginning import Beginning
from containerd_py.runtime.cgroups import freezer
from containerd_py.runtime.control import Controlled, cgroup_manager
from containerd_py.runtime.launcher import ProcessHandle
from containerd_py.runtime.linux.pidfd import WaitStatus
from containerd_py.runtime.making import check, check_id, make
from containerd_py.runtime.starting import Starting
from containerd_py.runtime.state import State, StateDirectory, list_ids

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Self

    from containerd_py.runtime.checkpoint.options import CheckpointOptions, RestoreOptions
    from containerd_py.runtime.creation import Made
    from containerd_py.runtime.execution import Execution
    from containerd_py.runtime.plan.plan import Plan
    from containerd_py.runtime.spec.models import Spec
    from containerd_py.runtime.spec.process import Process
    from containerd_py.runtime.streams import Preserved, Streams


class Container(Controlled, Starting):
    """A container; a context manager that destroys it. Who created it is the payload's parent.

    A payload never gets a terminal of the host, but one of its own, joined with the caller's by `wait` unless it was
    handed to a console socket.
    """

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
        preserve_fds: Preserved = 0,
        systemd_cgroup: bool = False,
        no_pivot: bool = False,
        new_keyring: bool = True,
    ) -> Self:
        """Make a container whose init worker waits for `start`.

        state_root: where `<id>/` is kept; made where it is missing, and removed with the last container in it.
        bundle: what a relative root.path is relative to. console_socket: where the terminal's master is sent;
        preserve_fds: how many descriptors from 3 on are handed on, or which; under the same numbers.
        systemd_cgroup: systemd makes its cgroup, as a scope; linux.cgroupsPath is "slice:prefix:name" then, as with runc.
        no_pivot: the root is moved over the host's, which a payload with CAP_SYS_CHROOT can reach; for an initial ramdisk.
        new_keyring: False leaves the payload the session keyring of the caller, with all keys in it (keyrings(7)).
        Raises InvalidArgument, NotSupported, Conflict or Unavailable, and leaves nothing behind.
        """
        made = make(
            *(container_id, spec),
            state_root=state_root,
            bundle=bundle,
            streams=streams,
            console_socket=console_socket,
            preserve_fds=preserve_fds,
            systemd_cgroup=systemd_cgroup,
            no_pivot=no_pivot,
            new_keyring=new_keyring,
        )
        return cls.of(made, container_id, state_root=state_root)

    @classmethod
    def of(cls, made: Made, container_id: str, *, state_root: str) -> Self:
        """Return a container that `making.make` has made."""
        directory = StateDirectory(state_root, container_id)
        return cls(directory, made.state, made.process, made.terminal)

    @classmethod
    def restore(
        cls,
        container_id: str,
        spec: Spec,
        options: RestoreOptions,
        *,
        state_root: str,
        bundle: str = ".",
        streams: Streams | None = None,
        console_socket: str | None = None,
        systemd_cgroup: bool = False,
        beginning: Beginning | None = None,
    ) -> Self:
        """Make a container of what `checkpoint` wrote; its processes run on where they were. The rest as for `create`.

        Raises Internal where CRIU fails, and leaves nothing behind.
        """
        from containerd_py.runtime.checkpoint.restore import Restoration
        from containerd_py.runtime.creation import Attachments
        from containerd_py.runtime.streams import OWN_STREAMS

        check(container_id, spec)
        directory = StateDirectory(state_root, container_id)
        attachments = Attachments(streams or OWN_STREAMS, console_socket, 0)
        bundle = os.path.abspath(bundle)
        asked = (options, beginning or Beginning())
        made = Restoration(directory, container_id, spec, bundle, attachments, *asked, systemd_cgroup=systemd_cgroup).run()
        return cls(directory, made.state, made.process, made.terminal)

    @staticmethod
    def explain(container_id: str, spec: Spec, *, state_root: str, bundle: str = ".", systemd_cgroup: bool = False) -> Plan:
        """Return what `create` would carry out; nothing is made. Raises what `create` does before it makes anything."""
        from containerd_py.runtime.creation import Attachments, Creation
        from containerd_py.runtime.streams import OWN_STREAMS

        check(container_id, spec)
        attachments = Attachments(OWN_STREAMS, None, 0)
        directory, bundle = StateDirectory(state_root, container_id), os.path.abspath(bundle)
        return Creation(directory, container_id, spec, bundle, attachments, systemd_cgroup=systemd_cgroup).plan()

    @classmethod
    def load(cls, container_id: str, *, state_root: str) -> Self:
        """Find a container that any process made. Raises NotFound, InvalidArgument, Internal."""
        check_id(container_id)
        directory = StateDirectory(state_root, container_id)
        state = directory.read()
        pidfd = identity.find(state.pid, state.identity, state.boot_id)
        return cls(directory, state, None if pidfd is None else ProcessHandle(state.pid, pidfd))

    @staticmethod
    def forget(container_id: str, *, state_root: str, force: bool = False) -> bool:
        """Free an id that `load` does not find, and `create` finds taken, since whoever made or removed it was killed.

        force: end processes of it, where somebody has taken away its state alone. Tell whether there was such a thing.
        Raises InvalidArgument; Conflict where another process works on it, and without `force` where it has processes.
        """
        from containerd_py.runtime.salvage import forget

        check_id(container_id)
        return forget(StateDirectory(state_root, container_id), container_id, force=force)

    @staticmethod
    def discard(container_id: str, *, state_root: str) -> tuple[str, ...]:
        """Remove a container whose `state.json` cannot be read, with whatever runs in its cgroup.

        Return the names of the files that are damaged. Where `config.json` is whole, its poststop hooks are run and its
        Intel RDT group is removed; where `plan.json` is, the parents that were made for a cgroup of the caller's.
        Raises NotFound, Conflict, Unavailable; Conflict too where nothing is damaged.
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

    def wait(self, *, recorded: bool = True) -> WaitStatus:
        """Return how the payload ended. With a terminal, the caller's standard input and output are joined with it.

        recorded: False leaves the record as it is, for who destroys the container now; others see that it has ended.
        Neither code nor signal where this process is not its parent and the kernel keeps no record (before Linux 6.15).
        """
        if self._status is None:
            self._join_terminal()
            self._status = WaitStatus(None, None) if self._process is None else self._process.reap()
            if recorded:
                with contextlib.suppress(ContainerdError):  # deleted by another process meanwhile, or no room on the disk
                    self._remember("stopped")
        return self._status

    def _join_terminal(self) -> None:
        if self._terminal is None or self._process is None:
            return
        from containerd_py.runtime import console

        pidfd = self._process.pidfd.fileno()
        if not console.proxy(self._terminal.fileno(), stdin=0, stdout=1, until=pidfd):
            self._terminal.close()
            self._terminal = None

    def checkpoint(self, options: CheckpointOptions) -> None:
        """Write the processes into images, for `restore`; they end with it, unless it is a pre-dump or they are to be left.

        Raises Conflict unless running or paused; NotSupported, InvalidArgument, and Internal where CRIU fails: then they
        run on.
        """
        from containerd_py.runtime.checkpoint.dump import checkpoint

        with self._directory.locked():
            self._check("checkpoint", "running", "paused")
            checkpoint(self._state, self.spec, options)

    def exec(
        self,
        document: Process,
        *,
        streams: Streams | None = None,
        console_socket: str | None = None,
        preserve_fds: Preserved = 0,
        cgroup: Mapping[str, str] | None = None,
        paused: bool = False,
        beginning: Beginning | None = None,
    ) -> Execution:
        """Run another process in the container.

        cgroup: paths below the container's own cgroup, by controller ("" for all others). paused: allow a container that
        is paused; then wait until it is resumed.
        Raises Conflict unless running; InvalidArgument, NotSupported, Unavailable: then nothing runs.
        """
        from containerd_py.runtime.creation import Attachments
        from containerd_py.runtime.execution import execute
        from containerd_py.runtime.streams import OWN_STREAMS

        attachments = Attachments(streams or OWN_STREAMS, console_socket, preserve_fds)
        while paused and self.state().status == "paused":  # not in the lock, which whoever resumes it needs
            freezer.await_change(self._state.cgroup)
        with self._directory.locked():
            self._check("execute in", "running", "created")
            assert self._process is not None  # noqa: S101 - or it were stopped
            place = cgroup_manager().sub_cgroup(self._state.cgroup, cgroup) if cgroup else self._state.cgroup
            state, inside = replace(self._state, cgroup=place), self._process.pidfd.fileno()
            return execute(state, self.spec, inside, document, attachments, beginning or Beginning())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_problem: object) -> None:
        self.destroy(force=True)
