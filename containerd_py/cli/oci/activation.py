"""Descriptors passed on to a container: those of `--preserve-fds`, and listening ones (sd_listen_fds(3))."""

from __future__ import annotations

import os

from containerd_py.errors import InvalidArgument

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from containerd_py.runtime.spec.models import Spec

_FIRST = 3
_MOST = 200
"""One message holds 253 (SCM_MAX_FD); some are needed for the container's own."""


def listening(environ: Mapping[str, str], pid: int) -> int:
    """Return how many listening descriptors were passed to this process, and to no other."""
    told = environ.get("LISTEN_FDS", "")
    if environ.get("LISTEN_PID") != str(pid) or not told.isascii() or not told.isdigit():
        return 0
    return int(told)


def told(spec: Spec, listening: int, environ: Mapping[str, str]) -> Spec:
    """Return the specification with an environment that tells the payload, whose pid is 1, of its descriptors."""
    if not listening or spec.process is None:
        return spec
    names = environ.get("LISTEN_FDNAMES")
    added = (f"LISTEN_FDS={listening}", "LISTEN_PID=1", *([f"LISTEN_FDNAMES={names}"] if names else []))
    process = spec.process.replace(env=(*spec.process.env, *added))
    return spec.replace(process=process)


def passed_on(asked: int, warn: Callable[[str], None], *, least: int = 0) -> tuple[int, ...]:
    """Return which of so many descriptors from 3 on the caller has.

    Who asks for many gets those that are there, under the same numbers, as with crun; `warn` is told of the others.
    What this process has opened itself, its launcher's socket say, takes the numbers that the caller left free: it is
    closed on exec, and what came through an exec is not.
    Raises InvalidArgument where none is there, or one of the first `least` is not, or more are than can be passed.
    """
    wanted = range(_FIRST, _FIRST + asked)
    there = tuple(fd for fd in sorted(map(int, os.listdir("/proc/self/fd"))) if fd in wanted and _inheritable(fd))
    missing = next((fd for fd in wanted if fd not in there), None)
    if missing is not None and (not there or missing < _FIRST + least):
        raise InvalidArgument(
            f"cannot pass descriptor {missing} to the container: it is not open",
            step="stdio",
            errno="EBADF",
            hint="--preserve-fds N passes the descriptors from 3 to N + 2",
        )
    if len(there) > _MOST:
        raise InvalidArgument(
            f"cannot pass {len(there)} descriptors to the container: {_MOST} can be passed at most",
            step="stdio",
            hint="close those that the container does not need before",
        )
    if missing is not None:
        passed = ", ".join(map(str, there))
        warn(f"passed to the container: descriptor {passed}; of those from {_FIRST} to {wanted[-1]} no other is open")
    return there


def _inheritable(fd: int) -> bool:
    """False for one that is not open, too."""
    try:
        return os.get_inheritable(fd)
    except OSError:
        return False
