"""The process: its terminal, limits, identity, and what it executes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from containerd_py.runtime.plan import operations as op
from containerd_py.runtime.spec.process import CAPABILITIES, Process

if TYPE_CHECKING:
    from collections.abc import Iterator

    from containerd_py.runtime.plan.operations import Operation
    from containerd_py.runtime.seccomp.compile import SeccompFilter

# asm-generic/resource.h, equal on x86 and ARM
_RLIMITS = {
    "RLIMIT_CPU": 0,
    "RLIMIT_FSIZE": 1,
    "RLIMIT_DATA": 2,
    "RLIMIT_STACK": 3,
    "RLIMIT_CORE": 4,
    "RLIMIT_RSS": 5,
    "RLIMIT_NPROC": 6,
    "RLIMIT_NOFILE": 7,
    "RLIMIT_MEMLOCK": 8,
    "RLIMIT_AS": 9,
    "RLIMIT_LOCKS": 10,
    "RLIMIT_SIGPENDING": 11,
    "RLIMIT_MSGQUEUE": 12,
    "RLIMIT_NICE": 13,
    "RLIMIT_RTPRIO": 14,
    "RLIMIT_RTTIME": 15,
}
_UNLIMITED = 2**64 - 1
_DEFAULT_SEARCH = ("/bin", "/usr/bin")  # execvp(3) without PATH
_DEFAULT_UMASK = 0o022


def console_steps(process: Process) -> Iterator[Operation]:
    if process.terminal:
        size = process.console_size
        yield op.OpenConsole(size.height if size else 0, size.width if size else 0, process.user.uid)


def limit_steps(process: Process) -> Iterator[Operation]:
    for limit in process.rlimits:
        soft, hard = (-1 if value == _UNLIMITED else value for value in (limit.soft, limit.hard))
        yield op.SetRlimit(limit.type, _RLIMITS[limit.type], soft, hard)


def seccomp_steps(seccomp: SeccompFilter | None) -> Iterator[Operation]:
    if seccomp is not None:
        yield op.LoadSeccomp(seccomp.program, seccomp.flags)


def identity_steps(process: Process) -> Iterator[Operation]:
    user, sets = process.user, process.capabilities
    if sets is not None:
        yield op.LimitBounding(_mask(sets.bounding))
    umask = _DEFAULT_UMASK if user.umask is None else user.umask
    yield op.SetIdentity(user.uid, user.gid, user.additional_gids, umask)
    if sets is not None:
        permitted, inheritable = _mask(sets.permitted), _mask(sets.inheritable)
        # The kernel takes no ambient capability beyond these (capabilities(7)); documents of runc ask for more.
        ambient = _mask(sets.ambient) & permitted & inheritable
        yield op.SetCapabilities(_mask(sets.effective), permitted, inheritable, ambient)


def _mask(names: tuple[str, ...]) -> int:
    return sum(1 << CAPABILITIES.index(name) for name in set(names))


def search_path(process: Process) -> tuple[str, ...]:
    paths = [entry.removeprefix("PATH=") for entry in process.env if entry.startswith("PATH=")]
    return tuple(paths[-1].split(":")) if paths else _DEFAULT_SEARCH
