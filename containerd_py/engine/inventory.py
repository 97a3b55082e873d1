"""What an earlier daemon's processes are found by: the spawner's inventory; where that has nothing, the fd store."""

from __future__ import annotations

import signal
from contextlib import suppress
from typing import TYPE_CHECKING

from containerd_py.engine.fd_store import PIDFD, pid_of
from containerd_py.engine.notify import listening
from containerd_py.engine.notify.discarding import retire
from containerd_py.engine.readiness import is_readable
from containerd_py.runtime.linux.pidfd import WaitStatus, pidfd_send_signal, witness_exit
from containerd_py.runtime.spawner.client import Inherited

if TYPE_CHECKING:
    from collections.abc import Iterable

    from containerd_py.engine.fd_store import FdStore
    from containerd_py.engine.spawner import SpawnerLink
    from containerd_py.runtime.linux.fd import Fd


class Inventory:
    """recalled: ids of what the spawner does not know, and is to be given."""

    def __init__(self, entries: Iterable[Inherited], store: FdStore) -> None:
        self._entries = {entry.id: entry for entry in entries}
        self._store = store
        self.recalled: set[str] = set()

    def take(self, spawn_id: str) -> Inherited | None:
        """Return what is there of a container or an exec; its descriptors are the caller's."""
        found = self._entries.pop(spawn_id, None)
        if found is not None:
            return found
        fds = self._store.recall(spawn_id)
        pidfd = fds.pop(PIDFD, None)
        if pidfd is None:
            for fd in fds.values():
                fd.close()
            return None
        self.recalled.add(spawn_id)
        return Inherited(spawn_id, pid_of(pidfd), pidfd, fds, _ended(pidfd))

    def rest(self) -> tuple[Inherited, ...]:
        """Return what nobody has taken."""
        return tuple(self._entries.values())


def dismiss(inherited: Inherited, link: SpawnerLink) -> None:
    """End a process that no record asks for: its creation was never answered, or its deletion had begun."""
    with suppress(ProcessLookupError):
        pidfd_send_signal(inherited.pidfd.fileno(), signal.SIGKILL)
    inherited.pidfd.close()
    told = inherited.kept.pop("notify", None)
    if told is not None:
        retire(listening.resumed(told))
    for fd in inherited.kept.values():
        fd.close()
    link.forget(inherited.id)


def _ended(pidfd: Fd) -> WaitStatus | None:
    """Tell how it has ended, None while it runs; neither code nor signal where nobody knows, or not yet."""
    if not is_readable(pidfd.fileno()):
        return None
    return witness_exit(pidfd.fileno()) or WaitStatus(None, None)
