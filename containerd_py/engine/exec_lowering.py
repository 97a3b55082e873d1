"""From a request for a further process to its OCI document: what it does not ask for is as for the container's own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from containerd_py.engine.capabilities import all_of_ours, sets
from containerd_py.engine.lowering import check_environment, open_root
from containerd_py.engine.own_thread import in_own_thread
from containerd_py.errors import InvalidArgument
from containerd_py.runtime.requirements import check_process
from containerd_py.runtime.spec.process import CAPABILITIES, Process, User
from containerd_py.runtime.spec.users import ResolvedUser, resolve_groups, resolve_user
from containerd_py.runtime.spec.validate import validate_process
from containerd_py.runtime.userns import may_drop_groups

if TYPE_CHECKING:
    from containerd_py.runtime.spec.models import Spec
    from containerd_py.wire import ExecSpec


async def lower(request: ExecSpec, spec: Spec) -> Process:
    """Return the document of a process in a container of `spec`. Raises InvalidArgument, NotSupported."""
    _check(request)
    user: ResolvedUser | None = None
    groups: tuple[int, ...] = ()
    if request.user is not None or request.additional_groups:
        user, groups = await in_own_thread(_resolve, request, spec.root.path)
    process = lowered(request, spec.process or Process(), user, groups)
    validate_process(process)
    check_process(process, may_drop_groups=may_drop_groups(spec))
    return process


def lowered(request: ExecSpec, own: Process, user: ResolvedUser | None, groups: tuple[int, ...]) -> Process:
    """The pure part. own: the container's process; user: None for that of the container; groups: more of them."""
    changes: dict[str, Any] = {
        "args": request.args,
        "terminal": request.terminal,
        "console_size": None,
        "env": _environment(request, own, user),
        "user": _user(own.user, user, groups),
    }
    if request.cwd is not None:
        changes["cwd"] = request.cwd
    if request.privileged:
        changes |= {"capabilities": sets(all_of_ours()), "no_new_privileges": False}
    elif request.capabilities is not None:
        changes["capabilities"] = sets(_subset(request.capabilities, own))
    return own.replace(**changes)


def _check(request: ExecSpec) -> None:
    check_environment(request.env)
    if request.privileged and request.capabilities is not None:
        raise InvalidArgument(
            "cannot execute in container: privileged: it goes with all capabilities, and capabilities is given too",
            step="lower",
            hint="leave out one of them",
        )
    if request.detach and request.stdin:
        raise InvalidArgument(
            "cannot execute in container: stdin: nobody can write to what is detached",
            step="lower",
            hint="leave out detach",
        )


def _resolve(request: ExecSpec, rootfs: str) -> tuple[ResolvedUser | None, tuple[int, ...]]:
    """Blocking: reads files of the root, which may be anything."""
    with open_root(rootfs) as root:
        user = None if request.user is None else resolve_user(root.fileno(), request.user)
        return user, resolve_groups(root.fileno(), request.additional_groups)


def _environment(request: ExecSpec, own: Process, user: ResolvedUser | None) -> tuple[str, ...]:
    """Another user has another home; a terminal has a type."""
    set_here = ({} if user is None else {"HOME": user.home}) | request.env
    there = {entry.partition("=")[0] for entry in own.env}
    if request.terminal and "TERM" not in there:
        set_here = {"TERM": "xterm"} | set_here
    kept = (entry for entry in own.env if entry.partition("=")[0] not in set_here)
    return (*kept, *(f"{name}={value}" for name, value in set_here.items()))


def _user(own: User, user: ResolvedUser | None, groups: tuple[int, ...]) -> User:
    if user is not None:
        own = User(uid=user.uid, gid=user.gid, umask=own.umask, additional_gids=user.additional_gids)
    return own.replace(additional_gids=tuple(dict.fromkeys((*own.additional_gids, *groups))))


def _subset(asked: tuple[str, ...], own: Process) -> tuple[str, ...]:
    """Fewer than the container may have, never more. A document without capabilities has all (config.md, "Process")."""
    allowed = CAPABILITIES if own.capabilities is None else own.capabilities.bounding
    for index, name in enumerate(asked):
        cause = (
            None if name in allowed else "the container may not have it" if name in CAPABILITIES else "no such capability"
        )
        if cause is not None:
            raise InvalidArgument(
                f"cannot execute in container: capabilities[{index}] {name!r}: {cause}",
                step="lower",
                hint="names are as in capabilities(7), such as CAP_KILL; privileged gives all that the daemon has",
            )
    return tuple(dict.fromkeys(asked))
