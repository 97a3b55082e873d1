"""The programs that this package re-executes itself as, by role; chosen before anything else is imported.

spawner:  fd 3 is the listening socket; or, after an upgrade, an argument is the descriptor of what to take over.
launcher: fd 3 is a socket with one `spawn` request; forks the worker as its own parent's child and ends.
"""

from __future__ import annotations

import gc
import os
import resource
import sys

from containerd_py.light import signal, socket
from containerd_py.light.importlib import import_module
from containerd_py.runtime.init.freeze import GUARD
from containerd_py.runtime.linux import process
from containerd_py.runtime.linux.mounts import Propagation, mount_setattr
from containerd_py.runtime.linux.paths import NO_RESTRICTION, openat2
from containerd_py.runtime.linux.process import Clone
from containerd_py.runtime.spawner import protocol
from containerd_py.runtime.spawner.code_owners import unsafe_code
from containerd_py.runtime.spawner.fork import fork_sibling
from containerd_py.runtime.spawner.request import ForkRequest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

SOCKET = 3
SPAWNER_NAME = "pyc:[0:SPAWN]"


def spawner(arguments: list[str]) -> None:
    process.set_name(SPAWNER_NAME)
    if not arguments:
        process.close_from(SOCKET + 1)  # whatever the daemon had from whoever started it
    _become_private()
    # Before anything is frozen or entered. Not at the top: a launcher starts often, and seldom needs them.
    import_module("containerd_py.runtime.init.archive")
    from containerd_py.runtime.spawner import rehearsal
    from containerd_py.runtime.spawner.keeper import Keeper
    from containerd_py.runtime.spawner.network import leave_network

    import_module("containerd_py.runtime.spawner.birth")
    process.unshare(Clone.NEWNS)
    with openat2(-100, "/", os.O_PATH, 0, NO_RESTRICTION) as root:
        mount_setattr(root.fileno(), propagation=Propagation.SLAVE, recursive=True)
    rehearsal.rehearse()
    birthplace = leave_network()
    keeper = Keeper.resume(int(arguments[0]), birthplace) if arguments else Keeper(socket.socket(fileno=SOCKET), birthplace)
    GUARD.install()
    _freeze_memory()
    keeper.run()


def launcher(_arguments: list[str]) -> None:
    process.close_from(SOCKET + 1)
    _become_private()
    connection = socket.socket(fileno=SOCKET)
    unsafe = unsafe_code()  # the request may not be there yet: this costs nobody time
    message, fds = protocol.receive(connection)
    if message is None:
        return
    if unsafe is not None:
        protocol.send(connection, {"op": "unsafe", "text": unsafe})
        return
    birth = import_module("containerd_py.runtime.spawner.birth").Birth(fds.pop()) if message["birth"] else None
    GUARD.install()
    try:
        pid, pidfd = fork_sibling(ForkRequest.read(message, fds)[0], birth)
    except OSError as problem:
        protocol.send(connection, {"op": "refused", "errno": problem.errno, "text": str(problem)})
        return
    protocol.send(connection, {"op": "spawned", "pid": pid}, [pidfd.fileno()])
    os._exit(0)  # nothing of ours runs any more where it may be: in a container


ROLES: dict[str, Callable[[list[str]], None]] = {"spawner": spawner, "launcher": launcher}


# INIT_RLIMITS (asm-generic/resource.h); None: as much as the hard limit allows. The worker resets RLIMIT_NOFILE.
_BOOT_LIMITS: dict[int, int | None] = {
    resource.RLIMIT_CORE: 0,
    resource.RLIMIT_STACK: 8 << 20,
    resource.RLIMIT_MEMLOCK: 8 << 20,
    resource.RLIMIT_MSGQUEUE: 819_200,
    resource.RLIMIT_NICE: 0,
    resource.RLIMIT_RTPRIO: 0,
    **dict.fromkeys(
        (
            *(resource.RLIMIT_CPU, resource.RLIMIT_FSIZE, resource.RLIMIT_DATA, resource.RLIMIT_RSS),
            *(resource.RLIMIT_NPROC, resource.RLIMIT_AS, resource.RLIMIT_SIGPENDING, resource.RLIMIT_RTTIME),
        )
    ),
}


def main() -> None:
    """Run the role named by the first argument of the bootstrap."""
    role, *arguments = sys.argv[2:]
    ROLES[role](arguments)


def _become_private() -> None:
    """SECURITY R2, and what a worker must not hand on to payloads: soft limits and attributes as at boot."""
    if os.geteuid() == 0:  # else the parent could not map its ids; then each worker does so as its first act
        process.set_dumpable(0)
    for kind, wanted in _BOOT_LIMITS.items():
        _soft, hard = resource.getrlimit(kind)
        soft = hard if wanted is None or (hard != resource.RLIM_INFINITY and wanted > hard) else wanted
        resource.setrlimit(kind, (soft, hard))
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    signal.signal(
        signal.SIGCHLD, signal.SIG_DFL
    )  # ignored by our starter, it would have the kernel reap: no exit is told then
    os.chdir("/")
    for name, value in (("coredump_filter", "0x33"), ("oom_score_adj", "0")):
        try:
            with open(f"/proc/self/{name}", "w", encoding="utf-8") as file:
                file.write(value)
        except OSError:
            continue  # lowering oom_score_adj below its least value needs CAP_SYS_RESOURCE; the host decided then


def _freeze_memory() -> None:
    """Keep the collector from touching, and so copying, pages that workers share."""
    gc.collect()
    gc.disable()
    gc.freeze()
