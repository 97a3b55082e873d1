"""What is put on record of processes that are executed in containers, and told of them; those of our own leave neither."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import structlog

from containerd_py.engine.output import DiscardedOutput
from containerd_py.engine.tasks import to_its_end
from containerd_py.errors import ContainerdError

if TYPE_CHECKING:
    from containerd_py.engine.containers import Container
    from containerd_py.engine.exec import Exec
    from containerd_py.engine.output import OutputLog
    from containerd_py.engine.parts import Parts
    from containerd_py.store.records import ExecRecord

_log = structlog.get_logger()


class ExecRecords:
    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def log_of(self, record: ExecRecord) -> OutputLog:
        log = self._parts.exec_log(record.id, lost=record.lost_output_bytes)
        return DiscardedOutput(log.directory) if record.detach else log

    async def note(self, one: Exec, record: ExecRecord) -> bool:
        """Store what has happened, as far as that is possible, and let everybody see it; tell whether it is on record."""
        try:
            await self._store(one, record)
        except ContainerdError as problem:  # a full disk must not keep anything from ending (SECURITY R14)
            _log.error("cannot record exec", exec=one.id, status=record.status, error=problem.message)
            one.publish(record)
            return False
        one.publish(record)
        return True

    async def remember(self, one: Exec, record: ExecRecord) -> None:
        """Store a record, then let everybody see it. Raises OutOfSpace: then nobody sees it."""
        await self._store(one, record)
        one.publish(record)

    async def _store(self, one: Exec, record: ExecRecord) -> None:
        if not one.internal:
            await self.save(record)

    async def save(self, record: ExecRecord) -> None:
        """Raises OutOfSpace."""
        store = self._parts.store.execs(record.container_id)
        if self._parts.store.in_memory:
            store.save(record)
        else:
            await to_its_end(asyncio.to_thread(store.save, record))

    def tell(self, kind: str, container: Container, one: Exec, **attributes: str) -> None:
        if not one.internal:
            self._parts.events.publish(kind, container.id, container.name, exec=one.id, **attributes)

    def tell_exit(self, container: Container, one: Exec) -> None:
        ended = one.exit()
        if ended is not None:
            code = "" if ended.exit_code is None else str(ended.exit_code)
            extra = {"signal": ended.signal} if ended.signal else {}
            self.tell("exec.exited", container, one, exit_code=code, reason=ended.reason, **extra)
