"""Making a container of the library, in named steps; one that fails leaves nothing behind.

What only some containers need is imported where they need it: `pyrunc` imports all this at each of its starts (ADR 25).
"""

from __future__ import annotations

import os
import time

from containerd_py.errors import ContainerdError, InvalidArgument
from containerd_py.light import contextlib, json
from containerd_py.light.contextlib import ExitStack
from containerd_py.light.dataclasses import dataclass, replace
from containerd_py.runtime import hooks, process, timing
from containerd_py.runtime.cgroup_view import cgroup_tree, shown_controllers
from containerd_py.runtime.cgroups.cgroup import Cgroup, Placement
from containerd_py.runtime.cgroups.destroying import destroy
from containerd_py.runtime.cgroups.normalise import normalise
from containerd_py.runtime.host import boot_id, makes_devices, probe
from containerd_py.runtime.init import dialogue
from containerd_py.runtime.linux.fd import Fd
from containerd_py.runtime.linux.namespaces import in_first_user_namespace
from containerd_py.runtime.linux.pidfd import identity
from containerd_py.runtime.membership import Membership, OwnCgroup
from containerd_py.runtime.opened import Opened
from containerd_py.runtime.parent import bring_up, hand_over_listener, take_back
from containerd_py.runtime.plan.compiler import Placing, birthplace, compile_plan
from containerd_py.runtime.plan.outline import Outline
from containerd_py.runtime.spawner.request import ForkRequest
from containerd_py.runtime.spec.defaults import UNKNOWN_CALLS_ANNOTATION
from containerd_py.runtime.state import State, StateDirectory
from containerd_py.runtime.streams import Streams, check_console_socket, hand_over_if_asked, preserved, preserved_up_to
from containerd_py.runtime.userns import may_drop_groups

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from containerd_py.runtime.launcher import Forking, ProcessHandle, Worker
    from containerd_py.runtime.plan.plan import Plan
    from containerd_py.runtime.seccomp.kept import SeccompFilter
    from containerd_py.runtime.spec.models import Spec
    from containerd_py.runtime.streams import Preserved


@dataclass(frozen=True)
class Attachments:
    """What the container is joined with outside.

    console_socket: where the terminal's master is sent; preserve_fds: how many descriptors from
    3 on are handed on, or which.
    """

    streams: Streams
    console_socket: str | None
    preserve_fds: Preserved


@dataclass(frozen=True)
class Made:
    """terminal: its master, where the payload has one that was handed to nobody."""

    state: State
    process: ProcessHandle
    terminal: Fd | None


class Creation:
    """One creation. `run` is the list of its steps; what each has made, `undo` unmakes, the last first."""

    def __init__(
        self,
        directory: StateDirectory,
        container_id: str,
        spec: Spec,
        bundle: str,
        attachments: Attachments,
        *,
        systemd_cgroup: bool = False,
        no_pivot: bool = False,
        new_keyring: bool = True,
    ) -> None:
        """new_keyring: False leaves the payload that of the caller's session.

        Raises what reaching systemd raises, where the cgroup is to be a scope."""
        self._directory = directory
        self._id = container_id
        self._spec = spec
        self._bundle = bundle
        self._attachments = attachments
        self._no_pivot = no_pivot
        self._new_keyring = new_keyring
        self._layout = probe().cgroups
        self._membership = self._choose(systemd_cgroup=systemd_cgroup)
        self._undo = ExitStack()
        self._stopped: State | None = None
        self._ended_ns: tuple[int, ...] = ()

    def run(self) -> Made:
        """Raises InvalidArgument, NotSupported, Conflict, Unavailable; then nothing is left."""
        with contextlib.closing(self._membership):
            return self._run()

    def plan(self) -> Plan:
        """Return what `run` would be carried out by; nothing is made. Raises what `run` does before it makes anything."""
        with contextlib.closing(self._membership):
            rootfs = root_path(self._spec, self._bundle)
            self._membership.check()
            return self._compile(rootfs, self._membership.intended())

    def _run(self) -> Made:
        check_console_socket(self._attachments.console_socket, terminal=self._terminal)
        rootfs = root_path(self._spec, self._bundle)
        self._membership.check()
        self._directory.make()
        undone: bool | None = None
        try:
            with self._directory.locked():
                try:
                    return self._make(rootfs)
                except BaseException:  # within the lock: whoever comes next may make another one of that id
                    undone = False
                    undone = self._take_back()
                    raise
        except BaseException:
            if undone is None:  # there was no lock, and nothing was made
                with contextlib.suppress(ContainerdError, OSError):  # the first error is the one to tell
                    self._directory.remove()
            if undone and self._stopped is not None:
                # Its life has begun with its hooks, and ends with them (runtime.md, "Lifecycle").
                hooks.run_all("poststop", self._spec.hooks.poststop, self._stopped.document())
            raise

    def _take_back(self) -> bool:
        """Unmake what was made. False where something of it stays: so does its record then, by which it can be deleted."""
        try:
            self._undo.close()  # all of it, whatever of it fails
            self._directory.remove()
        except (ContainerdError, OSError) as problem:  # the first error is the one to raise
            import logging  # seldom needed, and not cheap

            told = "%s; delete container %r, of which that is left"
            logging.getLogger(__name__).warning(told, problem, self._id)
            return False
        return True

    def _choose(self, *, systemd_cgroup: bool) -> Membership:
        limits = normalise(self._spec.linux.resources)
        if systemd_cgroup:
            from containerd_py.runtime.scopes import ScopeMembership

            path = self._spec.linux.cgroups_path or ""
            return ScopeMembership(self._layout, self._id, path, limits, self._spec.annotations)
        path = self._spec.linux.cgroups_path or f"{self._directory.cgroup_parent()}/{self._id}"
        shown = shown_controllers(self._spec, self._layout) if os.geteuid() == 0 else ()
        return OwnCgroup(self._layout, path, limits, ours=not self._spec.linux.cgroups_path, joined=shown)

    @property
    def _terminal(self) -> bool:
        return bool(self._spec.process and self._spec.process.terminal)

    def _make(self, rootfs: str) -> Made:
        place = self._membership.intended()
        entered = self._membership.entered(place)
        begun = None if entered.v2 else self._begin(entered)
        state = self._intent(rootfs, place)
        self._record(state)
        cgroup = self._membership.make()
        self._undo.callback(destroy, cgroup)
        if not cgroup.paths:  # an ordinary user may make none where that was intended; only trying tells
            place = cgroup
            self._record(replace(state, cgroup=place))
        begun = begun or self._begin(self._membership.entered(cgroup))
        plan = self._compile(rootfs, place)
        told_early = cgroup.scope or (self._spec.linux.cgroups_path and cgroup.parents)
        if told_early:  # where the state is damaged, only the outline leads to them (`salvage`)
            self._outline(plan, cgroup)
        told_ns = time.monotonic_ns()
        worker = self._launch(plan, self._membership.entered(cgroup), begun)
        self._undo.callback(_end, worker)
        state = replace(state, cgroup=cgroup, pid=worker.pid, identity=identity(worker.pid, worker.pidfd.fileno()))
        self._membership.begin(worker)
        if not told_early:
            self._outline(plan, cgroup)
        self._directory.write(state)
        told = self._told(state)  # while the worker works
        state, master = self._hear(plan, worker, state)
        made = timing.made(told_ns, self._ended_ns)
        state = replace(state, status="created", kept=self._kept(state, told) | made)
        self._directory.write(state)
        worker.control.close()
        return Made(state, worker, master)

    def _begin(self, cgroup: Cgroup) -> Forking | None:
        """Have the worker forked while its plan is made, born in the cgroup of v2; not where it enters namespaces first.

        It has nothing and does nothing before it has its plan, and ends where this process does (ADR 26).
        """
        born = birthplace(self._spec)
        if born.staged:
            return None
        with Placement(Cgroup(cgroup.v2, ())) as place:
            directory = place.directory.fileno() if place.directory else None
            begun = process.begin(lambda control: ForkRequest(control, born.clone_flags(), directory))
        self._undo.callback(begun.give_up)
        return begun

    def _intent(self, rootfs: str, cgroup: Cgroup) -> State:
        return State(
            self._id,
            "creating",
            0,
            self._bundle,
            dict(self._spec.annotations),
            cgroup=cgroup,
            rootfs=rootfs,
            created=_now(),
            owner=os.geteuid(),
            boot_id=boot_id(),
        )

    def _compile(self, rootfs: str, cgroup: Cgroup) -> Plan:
        placing = Placing(
            rootfs,
            self._id,
            len(self._membership.entered(cgroup).v1),
            rendezvous=True,
            preserved=preserved_up_to(self._attachments.preserve_fds),
            may_drop_groups=may_drop_groups(self._spec),
            bundle=self._bundle,
            cgroups=cgroup_tree(self._layout, cgroup),
            privileged=os.geteuid() == 0,
            makes_devices=in_first_user_namespace(),
            makes_nodes=bool(self._spec.linux.devices) and makes_devices(),
            selinux=bool(self._spec.linux.mount_label) and _selinux_enabled(),
            scope=cgroup.scope,
            no_pivot=self._no_pivot,
            new_keyring=self._new_keyring,
        )
        return compile_plan(self._spec, placing, self._filter())

    def _filter(self) -> SeccompFilter | None:
        profile = self._spec.linux.seccomp
        if profile is None:
            return None
        from containerd_py.runtime.seccomp.kept import filter_of

        if self._spec.annotations.get(UNKNOWN_CALLS_ANNOTATION, "0") != "0":
            from containerd_py.runtime.seccomp.compile import check_known

            check_known(profile)
        return filter_of(profile)

    def _record(self, state: State) -> None:
        """The intent, before anything is made that stays: whoever finds it can take everything back."""
        self._directory.put("config.json", json.dumps(self._spec.document()).encode())
        self._directory.write(state)  # last: who finds it finds the other

    def _outline(self, plan: Plan, cgroup: Cgroup) -> None:
        self._directory.put("plan.json", Outline.of(plan.operations, cgroup.parents).encode())

    def _kept(self, state: State, told: dict[str, Any]) -> dict[str, Any]:
        """Once the worker has its streams, which the payload keeps. told: `_told` before that."""
        from containerd_py.runtime import kept

        paths = kept.cgroup_paths(state.cgroup, self._layout)  # it may be in more of them by now
        return told | kept.descriptors(state.pid) | {"cgroup_paths": paths}

    def _told(self, state: State) -> dict[str, Any]:
        """Return what is kept of the container and its process."""
        from containerd_py.runtime import kept

        return kept.of_process(state.pid) | kept.of_container(
            self._spec,
            self._id,
            bundle=self._bundle,
            rootfs=state.rootfs,
            cgroup=state.cgroup,
            layout=self._layout,
            new_keyring=self._new_keyring,
        )

    def _launch(self, plan: Plan, cgroup: Cgroup, begun: Forking | None) -> Worker:
        handles = {} if self._terminal else self._attachments.streams.handles()
        handles |= preserved(self._attachments.preserve_fds)
        with self._directory.listen() as listener, Opened(plan) as opened:
            return launch(plan, handles | {"start": listener.fileno()}, cgroup, opened, begun)

    def _hear(self, plan: Plan, worker: Worker, state: State) -> tuple[State, Fd | None]:
        """Wait until the worker is ready, doing what it asks for; return the terminal's master that nobody took.

        The state knows all cgroups then that the worker is in.
        """
        while True:
            message, fds = dialogue.receive(worker.control)
            match message:
                case dialogue.Joining():
                    state = replace(state, cgroup=self._membership.wait(state.cgroup, worker.pid))
                    dialogue.send_member(worker.control)
                case dialogue.Asked():
                    self._stopped = replace(state, status="stopped", pid=0)
                    answer = bring_up(self._spec, state)
                    self._undo.callback(take_back, self._spec, self._id)
                    dialogue.send_go(worker.control, answer)
                case dialogue.Unmapped():
                    from containerd_py.runtime.sources import map_inside

                    map_inside(plan, message.key, fds)
                    dialogue.send_mapped(worker.control)
                case dialogue.Listener():
                    hand_over_listener(self._spec, replace(state, status="creating"), Fd(fds[0]))
                case dialogue.Ready():
                    self._ended_ns = message.ended_ns
                    return state, hand_over_if_asked(Fd(fds[0]), self._attachments.console_socket) if fds else None
                case dialogue.Failed():
                    raise process.failure(plan, message)
                case _:
                    from containerd_py.runtime.cgroups.oom import oom_kills

                    raise process.vanished(plan, worker.reap(), oom_kills=oom_kills(state.cgroup))


def launch(plan: Plan, handles: dict[str, int], cgroup: Cgroup, opened: Opened, begun: Forking | None = None) -> Worker:
    """Launch a worker into the cgroup. begun: see `process.launch`."""
    with Placement(cgroup) as placement:
        handles = handles | {f"cgroup{index}": fd.fileno() for index, fd in enumerate(placement.tasks)}
        directory = placement.directory.fileno() if placement.directory else None
        return process.launch(plan, handles, cgroup=directory, opened=opened, begun=begun)


def root_path(spec: Spec, bundle: str) -> str:
    """Return the root's absolute path, checked to be a directory without symlinks. Raises InvalidArgument."""
    path = os.path.normpath(os.path.join(bundle, spec.root.path))
    problem = None
    if not os.path.lexists(path):
        problem = "it does not exist"
    elif os.path.realpath(path) != path:
        raise InvalidArgument(
            f"cannot use root file system {path!r} (root.path): it is, or lies behind, a symlink",
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
        raise InvalidArgument(f"cannot use root file system {path!r} (root.path): {problem}", step="rootfs", errno=number)
    return path


def _selinux_enabled() -> bool:
    from containerd_py.runtime.requirements import selinux_enabled

    return selinux_enabled()


def _now() -> str:
    """Return the time as RFC 3339 has it, to the nanosecond."""
    second, nanosecond = divmod(time.time_ns(), 1_000_000_000)
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(second))}.{nanosecond:09d}Z"


def _end(worker: Worker) -> None:
    with contextlib.closing(worker):
        worker.end()
