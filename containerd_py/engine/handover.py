"""The loss of the spawner: the next one is given everything that it had."""

from __future__ import annotations

from typing import TYPE_CHECKING

from containerd_py.engine.exec import SEPARATOR
from containerd_py.engine.fd_store import pid_of
from containerd_py.engine.inventory import dismiss

if TYPE_CHECKING:
    from containerd_py.engine.containers import Container
    from containerd_py.engine.exec_recovery import ExecRecovery
    from containerd_py.engine.lifecycle import Lifecycle
    from containerd_py.engine.parts import Parts


class Handover:
    def __init__(self, parts: Parts, lifecycle: Lifecycle, execs: ExecRecovery) -> None:
        self._parts = parts
        self._lifecycle = lifecycle
        self._execs = execs

    async def run(self) -> None:
        """Give a new spawner everything that the old one had."""
        known = set()
        for entry in await self._parts.link.start():
            if SEPARATOR in entry.id:
                if self._execs.meet_again(entry):
                    known.add(entry.id)
                else:
                    dismiss(entry, self._parts.link)
                continue
            container = self._parts.registry.get(entry.id)
            if container is None or _pid(container) != entry.pid:
                dismiss(entry, self._parts.link)
                continue
            # It is the same spawner after all: only the connection was lost. We have these descriptors already.
            known.add(entry.id)
            for fd in (entry.pidfd, *entry.kept.values()):
                fd.close()
            if entry.exit is not None:
                self._lifecycle.exited(entry.id, entry.exit)
        for container in self._parts.registry:
            if container.id not in known and container.pidfd is not None:
                self._parts.link.adopt(container.id, _pid(container), container.pidfd, container.fds())
            self._execs.hand_over(container, known)
        self._parts.link.listen()


def _pid(container: Container) -> int:
    """The pid of a worker that is not ready yet is not on record. 0: it has ended, or there is none."""
    if container.alive:
        return container.record.pid or 0
    return pid_of(container.pidfd) if container.pidfd is not None else 0
