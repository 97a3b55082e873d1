"""Processes are listed in time, whatever one of them does with its memory.

A command line is read under the lock of that memory. A process that holds it may wait in the kernel, such as for a server
that does not answer: then whoever reads the line waits too. That is a thread of its own, so that nobody else does, and
the next one leaves command lines alone until that thread is back.
"""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING

import structlog

from containerd_py.engine.own_thread import in_own_thread
from containerd_py.engine.processes import processes

if TYPE_CHECKING:
    from containerd_py.engine.processes import Process
    from containerd_py.runtime.cgroups.manager import Cgroup

_log = structlog.get_logger()

_PATIENCE_S = 3.0


class ProcessListing:
    def __init__(self) -> None:
        self._late: dict[str, list[threading.Event]] = {}
        """Threads by container that were not waited for, as what each sets when it is back."""

    async def of(self, container_id: str, cgroup: Cgroup) -> tuple[Process, ...]:
        """Return what is in the cgroup; names in place of command lines where these do not come."""
        if not self._is_late(container_id):
            over = threading.Event()
            try:
                async with asyncio.timeout(_PATIENCE_S):
                    return await in_own_thread(_read, cgroup, over)
            except TimeoutError:
                _log.warning("command lines of a container cannot be read", container=container_id, waited_s=_PATIENCE_S)
                self._late.setdefault(container_id, []).append(over)
        return await in_own_thread(processes, cgroup, command_lines=False)

    def _is_late(self, container_id: str) -> bool:
        left = {one: [over for over in late if not over.is_set()] for one, late in self._late.items()}
        self._late = {one: late for one, late in left.items() if late}
        return container_id in self._late


def _read(cgroup: Cgroup, over: threading.Event) -> tuple[Process, ...]:
    try:
        return processes(cgroup)
    finally:
        over.set()
