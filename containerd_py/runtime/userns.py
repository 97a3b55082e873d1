"""User namespaces as the parent sees them: writing their maps, and making one that only its descriptor holds."""

from __future__ import annotations

import os

from containerd_py.errors import InvalidArgument, Unavailable
from containerd_py.runtime import launcher
from containerd_py.runtime.linux.fd import Fd
from containerd_py.runtime.linux.pidfd import pidfd_send_signal
from containerd_py.runtime.linux.process import Clone
from containerd_py.runtime.plan.compiler.namespaces import namespaces, user_mapping
from containerd_py.runtime.spawner.request import ForkRequest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from containerd_py.runtime.plan.plan import IdRange, UserMapping
    from containerd_py.runtime.spec.models import Spec

_MAPPER_S = 10
_HINT = "a user who is not root maps ids by newuidmap and newgidmap: install uidmap, and grant ranges in /etc/sub{u,g}id"


def user_namespace(mapping: UserMapping) -> Fd:
    """Return the descriptor of a new user namespace with these maps, for idmapped mounts and for joining.

    Raises Unavailable, InvalidArgument.
    """
    ours, theirs = launcher.open_dialogue()
    with ours, theirs:  # the worker gets no plan: it ends when we hang up
        worker = launcher.fork(ForkRequest(theirs.fileno(), Clone.NEWUSER), ours)
        try:
            write_maps(worker.pid, worker.pidfd.fileno(), mapping)
            return Fd(os.open(f"/proc/{worker.pid}/ns/user", os.O_RDONLY | os.O_CLOEXEC))
        finally:
            worker.end()
            worker.pidfd.close()


def write_maps(pid: int, pidfd: int, mapping: UserMapping) -> None:
    """Map the ids of the user namespace that the process made (user_namespaces(7)).

    Raises InvalidArgument for ids that the caller may not map, Unavailable for a process that is gone.
    """
    try:
        with Fd(os.open(f"/proc/{pid}", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)) as directory:
            pidfd_send_signal(pidfd, 0)  # so it is the one behind the pidfd whose directory that is
            _write_maps(pid, directory.fileno(), mapping)
    except (FileNotFoundError, ProcessLookupError) as problem:
        raise Unavailable("cannot map ids: the worker has ended", step="user_namespace", hint="was it killed?") from problem


def _write_maps(pid: int, directory: int, mapping: UserMapping) -> None:
    if os.geteuid() == 0:
        _write(directory, "uid_map", mapping.uids, mapping.uids_origin)
        _write(directory, "gid_map", mapping.gids, mapping.gids_origin)
    elif is_single(mapping):
        # Without privilege over the caller's own groups a process must not be able to drop them [CVE-2014-8989].
        _put(directory, "setgroups", "deny")
        _write(directory, "uid_map", mapping.uids, mapping.uids_origin)
        _write(directory, "gid_map", mapping.gids, mapping.gids_origin)
    else:
        _map_by_program("newuidmap", pid, mapping.uids, mapping.uids_origin)
        _map_by_program("newgidmap", pid, mapping.gids, mapping.gids_origin)


def is_single(mapping: UserMapping) -> bool:
    """True for a map that anybody may write: of one's own user and group, and nothing else."""
    return [(r.host_id, r.size) for r in mapping.uids] == [(os.geteuid(), 1)] and [
        (r.host_id, r.size) for r in mapping.gids
    ] == [(os.getegid(), 1)]


def may_drop_groups(spec: Spec) -> bool:
    """False where setgroups(2) will be denied in the container: in its new user namespace `_write_maps` denies it.

    One without any stays in the caller's, where it may be denied to its root too.
    """
    mapping = user_mapping(spec)
    if mapping is None:
        return "user" in namespaces(spec) or setgroups_allowed("self")
    return os.geteuid() == 0 or not is_single(mapping)


def setgroups_allowed(pid: int | str) -> bool:
    """Tell whether processes in the user namespace of `pid` may change their groups (user_namespaces(7))."""
    try:
        with open(f"/proc/{pid}/setgroups", encoding="utf-8") as file:
            return file.read().strip() == "allow"
    except FileNotFoundError:
        return True


def _write(directory: int, name: str, ranges: tuple[IdRange, ...], origin: str) -> None:
    text = "".join(f"{r.container_id} {r.host_id} {r.size}\n" for r in ranges)
    try:
        _put(directory, name, text)
    except OSError as problem:
        raise InvalidArgument(
            f"cannot map ids ({origin}): writing {text.strip()!r} to {name}: {problem.strerror}",
            step="user_namespace",
            errno=problem.errno,
            hint="ranges must not overlap, and must be ids that the caller's own user namespace has",
        ) from problem


def _put(directory: int, name: str, text: str) -> None:
    with Fd(os.open(name, os.O_WRONLY | os.O_CLOEXEC, dir_fd=directory)) as file:
        os.write(file.fileno(), text.encode())


def _map_by_program(program: str, pid: int, ranges: tuple[IdRange, ...], origin: str) -> None:
    import shutil  # for ordinary users alone
    import subprocess

    what = f"cannot map ids ({origin})"
    path = shutil.which(program, path=os.environ.get("PATH") or os.defpath)
    if path is None:
        raise InvalidArgument(f"{what}: there is no {program}", step="user_namespace", errno="ENOENT", hint=_HINT)
    numbers = [str(number) for r in ranges for number in (r.container_id, r.host_id, r.size)]
    try:
        done = subprocess.run(  # noqa: S603 - a program of the host's, numbers only
            [path, str(pid), *numbers], capture_output=True, timeout=_MAPPER_S, check=False
        )
    except subprocess.TimeoutExpired as problem:
        raise Unavailable(f"{what}: {program} did not end", step="user_namespace") from problem
    if done.returncode != 0:
        told = done.stderr.decode(errors="replace").strip()
        raise InvalidArgument(f"{what}: {told or program + ' failed'}", step="user_namespace", hint=_HINT)
