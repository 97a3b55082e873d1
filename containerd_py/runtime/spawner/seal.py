"""Starting ourselves again under a role, from a sealed copy of the interpreter (SECURITY R1).

A payload whose entry point is /proc/self/exe would otherwise hold the host's own interpreter open for writing
[CVE-2019-5736]. The fallback for hosts that forbid executable memfds is the interpreter seen through an overlay
without an upper layer, which nobody can write to.
"""

from __future__ import annotations

import fcntl
import os
import sys

from containerd_py import bytecode_bundle
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
_SOCKET = 3
_BUNDLE = 4
_FIRST_FREE = 5
_BUNDLED = f"""
import gc, sys
gc.disable()
sys.path.append(sys.argv[1])
from marshal import loads
from posix import read
try:
    finder, modules = loads(read({_BUNDLE}, int(sys.argv.pop(2))))
except (EOFError, TypeError, ValueError):
    pass  # damaged: it is imported as ever
else:
    exec(finder, {{"__name__": "bundle", "modules": modules}})
from containerd_py.runtime.spawner.roles import main
main()
"""
"""For a role whose modules are in one file, which is descriptor 4 (`bytecode_bundle`)."""
_PACKAGE = os.path.realpath(__file__).rsplit("/containerd_py/", 1)[0]
"""The directory in which `containerd_py` lies."""


@cache
def interpreter() -> Fd:
    """Return the sealed interpreter of this process, made once and never closed.

    Raises Unavailable where neither an executable memfd nor an overlay can be had.
    """
    with Fd(os.open("/proc/self/exe", os.O_RDONLY | os.O_CLOEXEC)) as source:
        try:
            return _out_of_the_way(sealed_executable("pycontainerd", source.fileno()))
        except OSError as problem:
            refusal = problem
    try:
        return _out_of_the_way(_through_overlay(os.path.realpath("/proc/self/exe")))
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
    return [*_interpreter(), _BOOTSTRAP, _PACKAGE, _cache() or "", role]


def _interpreter() -> tuple[str, ...]:
    executable = getattr(sys, "_base_executable", None) or sys.executable
    return (executable, *_FLAGS, "-c")


def _cache() -> str | None:
    """Return where this program's bytecode is kept."""
    return next((finder.place for finder in sys.meta_path if isinstance(finder, BytecodeCache)), None)


def start_role(role: str, socket: int, *, session: bool) -> int:
    """Start this program under a role with `socket` as its descriptor 3 and nothing else; return its pid.

    Its standard streams are /dev/null. Raises OSError, Unavailable.
    """
    place = _cache()
    bundle = bytecode_bundle.opened(place, role) if place else None
    if bundle is None:
        return _spawn(arguments(role), [(os.POSIX_SPAWN_DUP2, socket, _SOCKET)], session=session)
    with _out_of_the_way(Fd(bundle[0])) as handed:
        words = [*_interpreter(), _BUNDLED, _PACKAGE, str(bundle[1]), role]
        descriptors = [(os.POSIX_SPAWN_DUP2, socket, _SOCKET), (os.POSIX_SPAWN_DUP2, handed.fileno(), _BUNDLE)]
        return _spawn(words, descriptors, session=session)


def _out_of_the_way(fd: Fd) -> Fd:
    """Return one that is none of those that a role has, to which others are moved before it is used."""
    if fd.fileno() >= _FIRST_FREE:
        return fd
    with fd:
        return Fd(fcntl.fcntl(fd.fileno(), fcntl.F_DUPFD_CLOEXEC, _FIRST_FREE))


def _spawn(words: list[str], descriptors: list[tuple[int, int, int]], *, session: bool) -> int:
    streams = [(os.POSIX_SPAWN_OPEN, number, "/dev/null", os.O_RDWR, 0) for number in range(3)]
    # posix_spawn never runs Python between fork and exec: the daemon has threads.
    return os.posix_spawn(
        f"/proc/self/fd/{interpreter().fileno()}",
        words,
        {},
        file_actions=[*streams, *descriptors],
        setsid=session,
    )
