"""Descriptors passed on to a container: those of `--preserve-fds`, and listening ones (sd_listen_fds(3))."""

from __future__ import annotations

import os

from containerd_py.errors import InvalidArgument

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

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


def check_open(preserved: int) -> None:
    """Raise InvalidArgument where one of the descriptors is not the caller's.

    What this process has opened itself, its launcher's socket say, takes the numbers that the caller left free: it is
    closed on exec, and what came through an exec is not.
    """
    for fd in range(_FIRST, _FIRST + preserved):
        problem = None
        try:
            if os.get_inheritable(fd):
                continue
        except OSError as found:
            problem = found
        raise InvalidArgument(
            f"cannot pass descriptor {fd} to the container: it is not open",
            step="stdio",
            errno="EBADF",
            hint="--preserve-fds N passes the descriptors from 3 to N + 2",
        ) from problem
