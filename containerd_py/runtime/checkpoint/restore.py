"""A container made from images: in the steps of a creation, with CRIU in the worker's place.

    membership   the cgroup is made, and what becomes CRIU is put into it
    ground       the root, and what is mounted on in it; then CRIU
    CRIU         makes namespaces -> hooks (prestart, createRuntime) -> processes -> the record says running -> they run

The hooks of the container's inside and `poststart` are not run, as with runc: what they did is in the images already.
"""

from __future__ import annotations

import os
import sys
from contextlib import ExitStack

from containerd_py.errors import InvalidArgument
from containerd_py.light import socket
from containerd_py.light.dataclasses import replace
from containerd_py.runtime.cgroups import files
from containerd_py.runtime.cgroups.destroying import destroy
from containerd_py.runtime.checkpoint import images, outside
from containerd_py.runtime.checkpoint.criu import Criu, Lost, check_features, checked, find_criu
from containerd_py.runtime.checkpoint.dump import common, config_file, failure
from containerd_py.runtime.checkpoint.ground import BOOTSTRAP, GO, GO_UNSHARED, READY, Ground, points
from containerd_py.runtime.checkpoint.messages import CgroupMode, CgroupRoot, Features, InheritedFd, Kind, Options, Request
from containerd_py.runtime.checkpoint.moments import Moments
from containerd_py.runtime.creation import Attachments, Creation, Made
from containerd_py.runtime.launcher import Worker
from containerd_py.runtime.linux.fd import Fd
from containerd_py.runtime.linux.passing import receive_fds
from containerd_py.runtime.spawner.seal import check_code

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from containerd_py.runtime.beginning import Beginning
    from containerd_py.runtime.cgroups.cgroup import Cgroup
    from containerd_py.runtime.checkpoint.options import RestoreOptions
    from containerd_py.runtime.launcher import ProcessHandle
    from containerd_py.runtime.plan.plan import Plan
    from containerd_py.runtime.spec.models import Spec
    from containerd_py.runtime.state import State, StateDirectory

LOG = "restore.log"
_PACKAGE = os.path.realpath(__file__).rsplit("/containerd_py/", 1)[0]
_LONGEST = 4096


class Restoration(Creation):
    """One restore. `_make` is the list of its steps; the rest is a creation's."""

    def __init__(
        self,
        directory: StateDirectory,
        container_id: str,
        spec: Spec,
        bundle: str,
        attachments: Attachments,
        options: RestoreOptions,
        beginning: Beginning,
        *,
        systemd_cgroup: bool = False,
    ) -> None:
        """Raises NotSupported where there is no CRIU that will do, InvalidArgument and Unavailable, as a creation."""
        config_file(spec)
        check_code()  # the ground's, which root runs too (SECURITY R2)
        self._program = checked(find_criu(options.program))
        if options.lazy_pages:
            check_features(self._program, Features(lazy_pages=True))
        super().__init__(directory, container_id, spec, bundle, attachments, systemd_cgroup=systemd_cgroup)
        self._options = options
        self._beginning = beginning

    def _make(self, rootfs: str) -> Made:
        image_path, work_path = self._options.image_path, self._options.work_path
        with images.opened(image_path, work_path, LOG, make=False) as (directory, work, log_path), ExitStack() as opened:
            streams = images.read_streams(directory, image_path)
            place = self._membership.intended()
            plan = self._compile(rootfs, place)
            state = self._intent(rootfs, place)
            self._record(state)
            self._outline(plan, place)
            cgroup = self._membership.make()
            self._undo.callback(destroy, cgroup)
            namespaces = {kind: opened.enter_context(_namespace(path)) for kind, path in outside.left_alone(self._spec)}
            criu = opened.enter_context(self._launch_criu(plan, rootfs, log_path, namespaces))
            state = replace(state, cgroup=self._enter(criu, cgroup))
            self._directory.write(state)
            member = outside.membership(criu.pid)
            mode = outside.cgroup_mode(self._options.cgroups, state.cgroup, member, self._layout)
            unshared = mode is CgroupMode.IGNORE and "cgroup" in plan.namespaces
            own = self._become_criu(criu, rootfs, GO_UNSHARED if unshared else GO)
            options = Options(
                **common(self._options, self._spec, *own, LOG),
                **self._own_options(plan, rootfs, mode, member),
                inherit_fd=tuple(_inherited(streams, namespaces)),
            )
            console = self._attachments.console_socket
            moments = Moments(self._directory, self._spec, plan, state, console, self._beginning, self._undo)
            try:
                answer = criu.ask(Request(kind=Kind.RESTORE, options=options), moments.hear)
            except Lost as problem:
                raise failure(self._task, str(problem), work, log_path, LOG) from problem
            if not answer.success or moments.process is None:
                raise failure(self._task, answer.message, work, log_path, LOG)
        return self._settled(moments.state, moments.process, moments.terminal)

    def _settled(self, state: State, process: ProcessHandle, terminal: Fd | None) -> Made:
        state = replace(state, kept=self._kept(state, self._told(state)))
        self._directory.write(state)
        return Made(state, process, terminal)

    @property
    def _task(self) -> str:
        return f"restore container {self._id!r}"

    # ── CRIU, in the container's cgroup ──

    def _launch_criu(self, plan: Plan, rootfs: str, log_path: str, namespaces: dict[str, Fd]) -> Criu:
        ground = Ground(rootfs, self._directory.path, self._program, self._options.image_path, log_path, points(plan))
        if not self._terminal:
            self._attachments.streams.handles()  # none may be a terminal of the host
        return Criu(
            [sys.executable, "-I", "-S", "-E", "-B", "-c", BOOTSTRAP, _PACKAGE, ground.encode()],
            streams=None if self._terminal else self._attachments.streams,
            passed=tuple(fd.fileno() for fd in namespaces.values()),
            session=not self._options.shell_job,
        )

    def _enter(self, criu: Criu, cgroup: Cgroup) -> Cgroup:
        """Put it into the container's cgroup; return that with all that it has joined."""
        for path in self._membership.entered(cgroup).paths:
            files.write(f"{path}/cgroup.procs", str(criu.pid))
        with Fd(os.pidfd_open(criu.pid)) as pidfd:
            self._membership.begin(Worker(criu.pid, pidfd, criu.socket))
            return self._membership.wait(cgroup, criu.pid)

    def _become_criu(self, criu: Criu, rootfs: str, go: bytes) -> tuple[int, int]:
        """Have the ground laid, after which CRIU listens; return its descriptors of the images and of the logs.

        Raises InvalidArgument.
        """
        try:
            criu.socket.send(go, socket.MSG_NOSIGNAL)
            told, fds = receive_fds(criu.socket, _LONGEST, 1)
        except OSError as problem:
            told, fds = str(problem).encode(), []
        if not fds:
            cause = told.decode(errors="replace") or "it has ended without a word"
            raise InvalidArgument(f"cannot {self._task}: cannot prepare {rootfs!r}: {cause}", step="rootfs")
        criu.talk_at(fds[0])
        images_fd, work_fd = map(int, told.removeprefix(READY).split())
        return images_fd, work_fd

    def _own_options(self, plan: Plan, rootfs: str, mode: CgroupMode, member: dict[str, str]) -> dict[str, Any]:
        with Fd(os.open(rootfs, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)) as root:
            mounts = tuple(outside.sources(plan, root, outside.mount_points("self")))
        return {
            "root": self._directory.path,
            "rst_sibling": True,
            "evasive_devices": True,
            "manage_cgroups_mode": mode,
            "cgroup_roots": () if mode is CgroupMode.IGNORE else tuple(CgroupRoot(*one) for one in member.items()),
            "ext_mnt": mounts,
            "join_ns": outside.joined(self._spec),
            "lsm_profile": self._options.lsm_profile,
            "lsm_mount_context": self._options.lsm_mount_context,
        }


def _inherited(streams: tuple[str, ...], namespaces: dict[str, Fd]) -> Iterator[InheritedFd]:
    """Yield the caller's streams in place of the container's: the first of those that were one; and namespaces."""
    told = set()
    for fd, stream in enumerate(streams):
        if outside.handed_on(stream) and stream not in told:
            told.add(stream)
            yield InheritedFd(stream, fd)
    for kind, namespace in namespaces.items():
        yield InheritedFd(outside.key_of(kind), namespace.fileno())


def _namespace(path: str) -> Fd:
    try:
        return Fd(os.open(path, os.O_RDONLY | os.O_CLOEXEC))
    except OSError as problem:
        raise InvalidArgument(
            f"cannot restore into namespace {path!r}: {problem.strerror}", step="namespaces", errno=problem.errno
        ) from problem
