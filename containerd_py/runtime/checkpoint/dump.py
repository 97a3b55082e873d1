"""A checkpoint: the processes of a container that runs, written into images. They end with it unless told otherwise."""

from __future__ import annotations

import fcntl
import os

from containerd_py.errors import Internal, InvalidArgument
from containerd_py.runtime.cgroup_view import cgroup_tree
from containerd_py.runtime.checkpoint import images, outside
from containerd_py.runtime.checkpoint.criu import Criu, Lost, check_features, checked, find_criu
from containerd_py.runtime.checkpoint.messages import Answer, Features, Kind, Options, Request
from containerd_py.runtime.host import probe
from containerd_py.runtime.linux.fd import Fd
from containerd_py.runtime.linux.process import Clone
from containerd_py.runtime.plan.compiler import Placing, compile_plan

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from containerd_py.runtime.checkpoint.messages import ExternalMount
    from containerd_py.runtime.checkpoint.options import CheckpointOptions, RestoreOptions
    from containerd_py.runtime.plan.plan import Plan
    from containerd_py.runtime.spec.models import Spec
    from containerd_py.runtime.state import State

LOG = "dump.log"
LOG_LEVEL = 4
EMPTY_NAMESPACES = int(Clone.NEWNET)
"""Interfaces are the caller's to make, at a restore as at a creation: CRIU saves none."""
_CONFIGS = "/etc/criu/"
_RUNC_CONFIG = f"{_CONFIGS}runc.conf"
CONFIG_ANNOTATION = "org.criu.config"
_FREEZERS = ("cgroup.freeze", "freezer.state")


def checkpoint(state: State, spec: Spec, options: CheckpointOptions) -> None:
    """Write the images of a running or paused container.

    Raises NotSupported, InvalidArgument; Internal where CRIU fails: then everything runs on.
    """
    config_file(spec)
    if options.parent_path is not None:
        images.check_parent(options.image_path, options.parent_path)
    status = _Status(options.status_fd if options.lazy_pages else None)
    program = checked(find_criu(options.program))
    if options.pre_dump or options.lazy_pages:
        check_features(program, Features(mem_track=options.pre_dump or None, lazy_pages=options.lazy_pages or None))
    with images.opened(options.image_path, options.work_path, LOG, make=True) as (directory, work, log_path):
        request = Request(
            kind=Kind.PRE_DUMP if options.pre_dump else Kind.DUMP,
            options=_request(state, spec, options, directory, work),
        )
        if not options.pre_dump:
            images.write_streams(directory, outside.streams(state.pid))
        try:
            with Criu([program, "swrk"]) as criu:
                answer = criu.ask(request, status.hear)
        except Lost as problem:
            raise failure(f"checkpoint container {state.id!r}", str(problem), work, log_path, LOG) from problem
        if not answer.success:
            raise failure(f"checkpoint container {state.id!r}", answer.message, work, log_path, LOG)


def _request(state: State, spec: Spec, options: CheckpointOptions, directory: Fd, work: Fd) -> Options:
    return Options(
        **common(options, spec, directory.fileno(), work.fileno(), LOG),
        pid=state.pid,
        root=state.rootfs,
        leave_running=options.leave_running,
        tcp_skip_in_flight=options.tcp_skip_in_flight,
        link_remap=options.link_remap,
        page_server=options.page_server,
        parent_img=options.parent_path,
        track_mem=True if options.parent_path is not None else None,
        manage_cgroups_mode=outside.cgroup_mode(
            options.cgroups, state.cgroup, outside.membership(state.pid), probe().cgroups
        ),
        freeze_cgroup=next((path for path in map(state.cgroup.holding, _FREEZERS) if path), None),
        external=outside.external_namespaces(spec) + _external_files(state.pid),
        ext_mnt=() if options.pre_dump else _mounts(state, spec),
    )


def _mounts(state: State, spec: Spec) -> tuple[ExternalMount, ...]:
    flags = os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC
    with Fd(os.open(state.rootfs, flags)) as root, Fd(os.open(f"/proc/{state.pid}/root", flags)) as inside:
        return tuple(outside.named(_plan(state, spec), root, inside, outside.mount_points(state.pid)))


def common(options: CheckpointOptions | RestoreOptions, spec: Spec, directory: int, work: int, log: str) -> dict[str, Any]:
    """Return what a checkpoint and a restore are asked for alike, as fields of Options."""
    return {
        "images_dir_fd": directory,
        "work_dir_fd": work,
        "log_level": LOG_LEVEL,
        "log_file": log,
        "notify_scripts": True,
        "orphan_pts_master": True,
        "empty_ns": EMPTY_NAMESPACES,
        "tcp_established": options.tcp_established,
        "ext_unix_sk": options.ext_unix_sk,
        "shell_job": options.shell_job,
        "file_locks": options.file_locks,
        "auto_dedup": options.auto_dedup,
        "lazy_pages": options.lazy_pages,
        "config_file": config_file(spec),
    }


def config_file(spec: Spec) -> str | None:
    """Return the file of CRIU's settings, where there is to be one. Raises InvalidArgument.

    They can have CRIU run programs. Annotations come with images (podman copies them), and so may name what else has come
    with one, at a place that its author knows: the administrator's own files alone are taken.
    """
    path = spec.annotations.get(CONFIG_ANNOTATION, _RUNC_CONFIG)
    if path and (os.path.normpath(path) != path or not path.startswith(_CONFIGS)):
        raise InvalidArgument(
            f"cannot use {path!r} as CRIU's configuration (annotations.{CONFIG_ANNOTATION}): it is not in {_CONFIGS}",
            step="criu",
            hint=f"settings can run programs, and annotations come with images: put the file into {_CONFIGS}",
        )
    return path or None


def _external_files(pid: int) -> tuple[str, ...]:
    return tuple(dict.fromkeys(one for one in outside.streams(pid) if one.startswith("file[")))


def _plan(state: State, spec: Spec) -> Plan:
    """Return the plan that the container was made by."""
    placing = Placing(
        state.rootfs,
        state.id,
        len(state.cgroup.v1),
        rendezvous=True,
        bundle=state.bundle,
        cgroups=cgroup_tree(probe().cgroups, state.cgroup),
        privileged=os.geteuid() == 0,
        scope=state.cgroup.scope,
    )
    return compile_plan(spec, placing, None)


class _Status:
    """The descriptor of --status-fd. Raises InvalidArgument where nothing can be written to it."""

    def __init__(self, fd: int | None) -> None:
        self._fd = fd
        if fd is None:
            return
        try:
            writable = fcntl.fcntl(fd, fcntl.F_GETFL) & os.O_ACCMODE in (os.O_WRONLY, os.O_RDWR)
        except OSError as problem:
            raise InvalidArgument(
                f"cannot use --status-fd {fd}: {problem.strerror}", step="stdio", errno=problem.errno
            ) from problem
        if not writable:
            raise InvalidArgument(f"cannot use --status-fd {fd}: it is not open for writing", step="stdio")

    def hear(self, answer: Answer, _fds: list[int]) -> None:
        """Tell whoever waits there once pages can be fetched; closed then, for who reads until the end."""
        if answer.notification == "status-ready" and self._fd is not None:
            with Fd(self._fd) as file:
                os.write(file.fileno(), b"\0")
            self._fd = None


def failure(task: str, cause: str, work: Fd, log_path: str, log: str) -> Internal:
    """Return the error for what CRIU did not do, with what its log says. task: "restore container 'x'"."""
    told = images.errors_in(work, log) or cause or "it does not say why"
    path = os.path.join(log_path, log)
    where = f"its log is {path!r}" if os.path.exists(path) else f"its log is where {_RUNC_CONFIG!r} or the like says"
    return Internal(f"cannot {task}: CRIU failed: {told}", step="criu", hint=where)
