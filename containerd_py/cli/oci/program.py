"""`pyrunc` as a program: what is done before its command, and after it."""

from __future__ import annotations

import gc
import os
import sys

from containerd_py import bytecode_bundle
from containerd_py.cli import missing_streams
from containerd_py.errors import ContainerdError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

    from containerd_py.bytecode_cache import BytecodeCache

_LAUNCHING = {"create", "exec", "run"}
"""The commands that start a process in a container."""

_OF_LAUNCHERS = ("containerd_py.runtime.spawner.roles",)
"""What they import, from a file that they never write."""

_LATER = ("containerd_py.runtime.container", "containerd_py.runtime.kept")
"""What is needed once a worker was forked: imported while the launcher forks it."""

_GARBAGE = 200_000
"""So many objects are made before it is looked which are not needed: more than importing makes, of which all are."""


def run(cache: BytecodeCache | None = None) -> NoReturn:
    """Perform the command line of this process, and end it.

    At once: what the interpreter takes apart at its end is the kernel's to take away. cache: completed before.
    """
    gc.set_threshold(_GARBAGE)
    missing_streams.complete()
    with_launcher = not _LAUNCHING.isdisjoint(sys.argv)  # where the word is no command, a launcher was started for nothing
    if with_launcher:
        _prepare()
    code = _perform()
    if with_launcher:
        from containerd_py.runtime import prepared

        prepared.discard()
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            continue
    if cache is not None:
        _keep(cache, for_launchers=with_launcher)
    os._exit(code)


def _keep(cache: BytecodeCache, *, for_launchers: bool) -> None:
    """Write what of the bytecode is not kept yet, or has changed since."""
    cache.complete()
    if cache.place is not None and for_launchers:
        bytecode_bundle.complete(cache.place, "launcher", *_OF_LAUNCHERS)


def _prepare() -> None:
    """Have a launcher get ready meanwhile; it is tried again, and told, by whoever needs one."""
    from containerd_py.runtime import prepared

    try:
        prepared.prepare()
        prepared.meanwhile(lambda: list(map(__import__, _LATER)))
    except (ContainerdError, OSError):
        return


def _perform() -> int:
    from containerd_py.cli.oci.main import main
    from containerd_py.light import signal

    if signal.getsignal(signal.SIGINT) == signal.SIG_DFL:  # so far an interrupt has ended us without a word, see `pyrunc`
        signal.signal(signal.SIGINT, signal.default_int_handler)
    return main()


if __name__ == "__main__":
    run()
