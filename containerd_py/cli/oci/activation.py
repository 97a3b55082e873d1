"""Descriptors passed on to a container: those of `--preserve-fds`, and listening ones (sd_listen_fds(3))."""

from __future__ import annotations

import os

from containerd_py.errors import InvalidArgument
from containerd_py.light import contextlib

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
    """Return how many of the descriptors from 3 on that are asked for are the caller's; `warn` is told of the others.

    Who asks for many gets those that are there, as with crun. Raises InvalidArgument where none is, one of the first
    `least` is not, or one in between: the others would not be what their numbers say.

    What this process has opened itself, its launcher's socket say, takes the numbers that the caller left free: it is
    closed on exec, and what came through an exec is not.
    """
    if not asked:
        return 0
    there = _inheritable()
    found = next(index for index in range(len(there) + 1) if _FIRST + index not in there)
    if found >= asked:
        return asked
    missing = _FIRST + found
    if found < max(least, 1) or any(missing < fd < _FIRST + asked for fd in there):
        raise InvalidArgument(
            f"cannot pass descriptor {missing} to the container: it is not open",
            step="stdio",
            errno="EBADF",
            hint="--preserve-fds N passes the descriptors from 3 to N + 2",
        )
    warn(f"descriptors {missing} to {_FIRST + asked - 1} are not open, and not passed to the container")
    return found


def _inheritable() -> set[int]:
    found = set()
    for name in os.listdir("/proc/self/fd"):
        with contextlib.suppress(OSError):  # the listing's own is closed by now
            if os.get_inheritable(int(name)):
                found.add(int(name))
    return found
