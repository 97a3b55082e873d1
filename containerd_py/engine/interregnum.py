"""Ends of processes while there is no spawner to tell them: the daemon sees these itself, by their pidfds.

The next spawner takes a part of a second to start, and a second or two on a busy machine. A stop or a deletion would wait
for that long.
"""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING

from containerd_py.runtime.linux.fd import Fd
from containerd_py.runtime.linux.pidfd import witness_exit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from containerd_py.engine.containers import Container
    from containerd_py.runtime.linux.pidfd import WaitStatus


_AGAIN_S = 0.02


class Interregnum:
    """`begin` when the spawner is lost, `end` when the next one has everything. on_exit: told of ends, as by a spawner."""

    def __init__(self, on_exit: Callable[[str, WaitStatus], None]) -> None:
        self._on_exit = on_exit
        self._watched: dict[str, Fd] = {}
        self._again: dict[str, asyncio.TimerHandle] = {}

    def begin(self, containers: Iterable[Container]) -> None:
        """Where there are not enough descriptors for all, watch none: the next spawner needs some to come about."""
        try:
            for container in containers:
                for spawn_id, pidfd in _living(container):
                    if spawn_id not in self._watched:
                        self._watch(spawn_id, pidfd)
        except OSError:
            self.end()

    def end(self) -> None:
        for spawn_id in tuple(self._watched):
            self._leave(spawn_id)

    def _watch(self, spawn_id: str, pidfd: Fd) -> None:
        """By a descriptor of our own: the other one is closed by whoever comes to know of the end first."""
        self._watched[spawn_id] = own = Fd(os.dup(pidfd.fileno()))
        asyncio.get_running_loop().add_reader(own.fileno(), self._ended, spawn_id)

    def _ended(self, spawn_id: str) -> None:
        """It is our child once the spawner has ended quite. Until then, and while somebody traces it, nobody knows how."""
        own, loop = self._watched[spawn_id], asyncio.get_running_loop()
        loop.remove_reader(own.fileno())
        status = witness_exit(own.fileno())
        if status is None:
            self._again[spawn_id] = loop.call_later(_AGAIN_S, self._ended, spawn_id)
            return
        self._leave(spawn_id)
        self._on_exit(spawn_id, status)

    def _leave(self, spawn_id: str) -> None:
        if (again := self._again.pop(spawn_id, None)) is not None:
            again.cancel()
        own = self._watched.pop(spawn_id)
        asyncio.get_running_loop().remove_reader(own.fileno())
        own.close()


def _living(container: Container) -> Iterator[tuple[str, Fd]]:
    if container.alive and container.pidfd is not None:
        yield container.id, container.pidfd
    yield from (
        (one.spawn_id, one.pidfd) for one in container.execs.values() if one.exit() is None and one.pidfd is not None
    )
