"""Descriptors passed on to a container: those of `--preserve-fds`, and listening ones (sd_listen_fds(3))."""

from __future__ import annotations

import os

from containerd_py.errors import InvalidArgument
from containerd_py.runtime.streams import inheritable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from containerd_py.runtime.spec.models import Spec

_FIRST = 3


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


def passed_on(asked: int, warn: Callable[[str], None], *, least: int = 0) -> int:
    """Return up to which of the descriptors from 3 on the caller has those that are asked for.

    Who asks for many gets those that are there, under the same numbers, as with crun; `warn` is told of the others.
    What this process has opened itself, its launcher's socket say, takes the numbers that the caller left free: it is
    closed on exec, and what came through an exec is not.
    Raises InvalidArgument where none is there, or one of the first `least` is not.
    """
    wanted = range(_FIRST, _FIRST + asked)
    there = [fd for fd in sorted(map(int, os.listdir("/proc/self/fd"))) if fd in wanted and inheritable(fd)]
    missing = next((fd for fd in wanted if fd not in there), None)
    if missing is None:
        return asked
    if not there or missing < _FIRST + least:
        raise InvalidArgument(
            f"cannot pass descriptor {missing} to the container: it is not open",
            step="stdio",
            errno="EBADF",
            hint="--preserve-fds N passes the descriptors from 3 to N + 2",
        )
    warn(f"of {asked} descriptors from {_FIRST} on {len(there)} are open, and passed to the container: {missing} is not")
    return there[-1] - _FIRST + 1
