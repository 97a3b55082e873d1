"""Starting ourselves again under a role, from a sealed copy of the interpreter (SECURITY R1).

A payload whose entry point is /proc/self/exe would otherwise hold the host's own interpreter open for writing
[CVE-2019-5736]. The fallback for hosts that forbid executable memfds is the interpreter seen through an overlay
without an upper layer, which nobody can write to.
"""

from __future__ import annotations

import os
import sys

from containerd_py.bytecode_cache import BytecodeCache
from containerd_py.errors import Unavailable
from containerd_py.light.functools import cache
from containerd_py.runtime.linux.fd import Fd
from containerd_py.runtime.linux.memfd import sealed_executable

_FLAGS = ("-I", "-S", "-E", "-B")
_BOOTSTRAP = """
import gc, sys
gc.disable()
sys.path.append(sys.argv[1])
from containerd_py.bytecode_cache import BytecodeCache
BytecodeCache(sys.argv.pop(2) or None).install()
from containerd_py.runtime.spawner.roles import main
main()
"""
_PACKAGE = os.path.realpath(__file__).rsplit("/containerd_py/", 1)[0]
"""The directory in which `containerd_py` lies."""


@cache
def interpreter() -> Fd:
    """Return the sealed interpreter of this process, made once and never closed.

    Raises Unavailable where neither an executable memfd nor an overlay can be had.
    """
    with Fd(os.open("/proc/self/exe", os.O_RDONLY | os.O_CLOEXEC)) as source:
        try:
            return sealed_executable("pycontainerd", source.fileno())
        except OSError as problem:
            refusal = problem
    try:
        return _through_overlay(os.path.realpath("/proc/self/exe"))
    except OSError as problem:
        raise Unavailable(
            f"cannot seal the interpreter: {refusal}; nor through an overlay: {problem}",
            step="seal",
            errno=refusal.errno,
            hint="allow executable memfds (sysctl vm.memfd_noexec) or the overlay file system",
        ) from problem


def check_code() -> None:
    """Refuse to run code as root that somebody else could change (SECURITY R2). Raises Unavailable."""
    from containerd_py.runtime.spawner.code_owners import unsafe_code

    found = unsafe_code()
    if found is not None:
        raise unsafe(found)


def unsafe(found: str) -> Unavailable:
    """Return the error for code that could be changed."""
    hint = "chown the package to root and remove write permission of group and others"
    return Unavailable(f"cannot start worker: {found}", step="seal", hint=hint)


def _through_overlay(path: str) -> Fd:
    from containerd_py.runtime.linux.mounts import MountAttr, new_filesystem

    folder, name = os.path.split(path)
    attributes = MountAttr.RDONLY | MountAttr.NOSUID | MountAttr.NODEV
    with new_filesystem("overlay", (("lowerdir", f"{folder}:/proc/self/fd"),), attributes) as tree:
        return Fd(os.open(name, os.O_PATH | os.O_CLOEXEC, dir_fd=tree.fileno()))


def arguments(role: str) -> list[str]:
    """Return the command line of a role; its first word is the interpreter's real path, so that sys.prefix is right."""
    executable = getattr(sys, "_base_executable", None) or sys.executable
    caches = (finder.place for finder in sys.meta_path if isinstance(finder, BytecodeCache))
    return [executable, *_FLAGS, "-c", _BOOTSTRAP, _PACKAGE, next(caches, None) or "", role]


def start_role(role: str, socket: int, *, session: bool) -> int:
    """Start this program under a role with `socket` as its descriptor 3 and nothing else; return its pid.

    Its standard streams are /dev/null. Raises OSError, Unavailable.
    """
    streams = [(os.POSIX_SPAWN_OPEN, number, "/dev/null", os.O_RDWR, 0) for number in range(3)]
    # posix_spawn never runs Python between fork and exec: the daemon has threads.
    return os.posix_spawn(
        f"/proc/self/fd/{interpreter().fileno()}",
        arguments(role),
        {},
        file_actions=[*streams, (os.POSIX_SPAWN_DUP2, socket, 3)],
        setsid=session,
    )
