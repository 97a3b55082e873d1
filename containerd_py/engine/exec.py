"""One process that is, was or will be executed in a container, as the daemon knows it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from containerd_py.engine.attended import Attended
from containerd_py.engine.clock import now
from containerd_py.engine.containers import exit_of
from containerd_py.engine.runs import Run
from containerd_py.engine.views import ExecStatus, ExecView, Exit
from containerd_py.errors import Conflict, Internal, NotFound

if TYPE_CHECKING:
    from collections.abc import Callable

    from containerd_py.engine.output import OutputLog
    from containerd_py.store.records import ExecRecord

BEGUN, EXECUTED, REVERTED, ENDED = "begun", "executed", "reverted", "ended"

_TRANSITIONS = {
    (ExecStatus.CREATED, BEGUN): ExecStatus.STARTING,
    (ExecStatus.STARTING, EXECUTED): ExecStatus.RUNNING,
    (ExecStatus.STARTING, REVERTED): ExecStatus.CREATED,
    (ExecStatus.STARTING, ENDED): ExecStatus.STOPPED,
    (ExecStatus.RUNNING, ENDED): ExecStatus.STOPPED,
    (ExecStatus.CREATED, ENDED): ExecStatus.STOPPED,
}
"""(status, event) to the next status. What is not here is a defect of ours."""

_SHORT_ID = 12
SEPARATOR = "/"
"""Between the ids of a container and of an exec in the spawner's name for its process; no id has it (wire.Identifier)."""


class Exec(Attended):
    """Only `engine.exec_lifecycle` and `engine.exec_recovery` change it."""

    def __init__(
        self, record: ExecRecord, log: OutputLog, count_oom_kills: Callable[[], int], *, internal: bool = False
    ) -> None:
        """count_oom_kills: tells how many processes of its container the kernel has killed for want of memory.

        internal: of the daemon's own, such as a health check: on no record, in no list, in no event.
        """
        super().__init__(log)
        self.record = record
        self.internal = internal
        self._count_oom_kills = count_oom_kills
        self.kill_asked = False
        """Somebody has killed it, or its container's end did."""
        self.run = Run()
        self.pid: int | None = None
        """Of its process, once it is forked; it is on record a moment later."""
        self.size: tuple[int, int] | None = None
        """(rows, columns) of its terminal, told before there is one."""

    @property
    def id(self) -> str:
        return self.record.id

    @property
    def spawn_id(self) -> str:
        """What the spawner calls its process."""
        return f"{self.record.container_id}{SEPARATOR}{self.record.id}"

    @property
    def title(self) -> str:
        return f"exec {self.record.id[:_SHORT_ID]!r}"

    @property
    def status(self) -> ExecStatus:
        return ExecStatus(self.record.status)

    @property
    def terminal(self) -> bool:
        return bool(self.record.process.get("terminal", False))

    def oom_kills(self) -> int:
        """Since it was begun: it shares the counter with all of its container."""
        before = self.record.oom_kills_before
        return 0 if before is None else max(0, self._count_oom_kills() - before)

    def begun_record(self) -> ExecRecord:
        return self.next_record(BEGUN, oom_kills_before=self._count_oom_kills())

    def next_record(self, event: str, **changes: Any) -> ExecRecord:
        """Return the record after an event. Raises Internal where the state table does not have it."""
        after = _TRANSITIONS.get((self.status, event))
        if after is None:
            raise Internal(f"cannot note {event!r} of {self.title}: it is {self.status}")
        return self.record.with_(status=after.value, **changes)

    def publish(self, record: ExecRecord) -> None:
        """Make a record, stored before, the one that everybody sees."""
        self.record = record
        self.changes.announce()

    def check(self, action: str, *allowed: ExecStatus) -> None:
        """Raises Conflict unless the status is one of `allowed`, NotFound for one that was deleted meanwhile."""
        if self.deleted:
            raise NotFound(f"cannot {action} {self.title}: it has been deleted")
        if self.status not in allowed:
            raise Conflict(f"cannot {action} {self.title}: it is {self.status}", step=action)

    def exit(self) -> Exit | None:
        ended = self.record.exit
        return exit_of(ended)

    def finish(self) -> None:
        """Its end is on record, or it is to be deleted: let those know who follow it."""
        self.run.end(self.exit(), self.log.size)
        self.log.changes.announce()

    def _running_s(self) -> float | None:
        if self.status is not ExecStatus.RUNNING:
            return None
        return now().since_s(self.record.started_boottime_ns, self.record.boot_id)

    def view(self) -> ExecView:
        record = self.record
        return ExecView(
            id=record.id,
            container_id=record.container_id,
            status=self.status,
            args=tuple(record.process.get("args", ())),
            terminal=self.terminal,
            stdin=record.stdin,
            detach=record.detach,
            pid=record.pid if self.status is ExecStatus.RUNNING else None,
            created_at=record.created_at,
            started_at=record.started_at,
            exit=self.exit(),
            output_bytes=self.log.size,
            lost_output_bytes=self.log.lost,
            process=record.process,
            running_s=self._running_s(),
        )
