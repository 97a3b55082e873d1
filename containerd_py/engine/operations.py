"""Operations: actions that may take long. Each goes on without the one who asked, and can be looked at and waited for.

They are those of this daemon alone: what an earlier one had under way is in the records of its containers.
"""

from __future__ import annotations

import asyncio
import secrets
from collections import deque
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeVar

from containerd_py.engine.asking import asker
from containerd_py.engine.changes import Changes
from containerd_py.engine.scope import scope
from containerd_py.engine.views import OperationView
from containerd_py.errors import ContainerdError, Internal, NotFound, Unavailable

if TYPE_CHECKING:
    from collections.abc import Coroutine, Iterator, Mapping
    from typing import Literal

    from containerd_py.engine.containers import Container
    from containerd_py.engine.events import EventLog
    from containerd_py.engine.scope import Scope
    from containerd_py.engine.tasks import Tasks

    Action = Literal["start", "stop", "restart", "delete", "prune", "shutdown"]

Result = TypeVar("Result")
_KEPT = 256

_beginning: ContextVar[asyncio.Future[Operation] | None] = ContextVar("beginning", default=None)


@contextmanager
def expecting() -> Iterator[asyncio.Future[Operation]]:
    """Give a future of the operation that is begun by what is started in here: who asks does not wait for its end."""
    begun: asyncio.Future[Operation] = asyncio.get_running_loop().create_future()
    token = _beginning.set(begun)
    try:
        yield begun
    finally:
        _beginning.reset(token)


class Operation:
    """One action. container: None for one that is about all of them."""

    def __init__(self, action: Action, container: Container | None) -> None:
        self.id = secrets.token_hex(16)
        self.changes = Changes()
        self.followed = False
        self._action = action
        self._container = None if container is None else container.id
        self._name = None if container is None else container.name
        self._labels: Mapping[str, str] | None = None if container is None else container.record.labels
        self._scope = scope()
        self._asked_by = asker()
        self._started_at = datetime.now(UTC)
        self._finished_at: datetime | None = None
        self._error: ContainerdError | None = None
        self._result: Any = None

    @property
    def ended(self) -> bool:
        return self._finished_at is not None

    def shown_to(self, seen: Scope) -> bool:
        """One about all containers is there for those who see as many as it is about."""
        return not seen.limited or (seen == self._scope if self._labels is None else seen.shows(self._labels))

    def end(self, result: Any, error: ContainerdError | None) -> None:
        self._result, self._error, self._finished_at = result, error, datetime.now(UTC)
        self.changes.announce()

    def tell(self, events: EventLog) -> None:
        """Publish its end: whoever asked for it has gone on."""
        if self._container is None or self._name is None:
            return
        why = {} if self._error is None else {"error": self._error.message}
        outcome = "done" if self._error is None else "failed"
        told = {"operation": self.id, "action": self._action, "outcome": outcome} | why
        events.publish("operation.ended", self._container, self._name, self._labels, **told)

    def view(self) -> OperationView:
        return OperationView(
            id=self.id,
            action=self._action,
            container_id=self._container,
            container_name=self._name,
            started_at=self._started_at,
            finished_at=self._finished_at,
            asked_by=self._asked_by,
            error=self._error,
            result=self._result,
        )


class Operations:
    """All that are under way, and the last ones that have ended."""

    def __init__(self, tasks: Tasks, events: EventLog) -> None:
        self._tasks = tasks
        self._events = events
        self._running: dict[str, Operation] = {}
        self._ended: deque[Operation] = deque(maxlen=_KEPT)
        self._closed = False

    async def run(self, action: Action, container: Container | None, work: Coroutine[Any, Any, Result]) -> Result:
        """Do it to its end, whether the one who asked is still there or not."""
        operation = Operation(action, container)
        self._running[operation.id] = operation
        task = self._tasks.start(self._carry_out(operation, work), name=action, quiet=True)
        begun = _beginning.get()
        if begun is not None and not begun.done():
            operation.followed = True
            begun.set_result(operation)
        return await asyncio.shield(task)

    def list(self) -> tuple[OperationView, ...]:
        """Return them, those under way and those that have ended, the oldest first."""
        seen = scope()
        return tuple(one.view() for one in (*self._ended, *self._running.values()) if one.shown_to(seen))

    def get(self, reference: str) -> OperationView:
        """Raises NotFound."""
        return self._find(reference).view()

    def waiting(self, reference: str) -> Coroutine[Any, Any, OperationView]:
        """Return what waits for its end. Raises NotFound; what is returned raises Unavailable where the daemon stops."""
        return self._end_of(self._find(reference))

    def close(self) -> None:
        """End every wait."""
        self._closed = True
        for operation in self._running.values():
            operation.changes.announce()

    async def _end_of(self, operation: Operation) -> OperationView:
        while not operation.ended:
            if self._closed:
                raise Unavailable(f"cannot wait for operation {operation.id!r}: the daemon is stopping", step="wait")
            await operation.changes.wait()
        return operation.view()

    async def _carry_out(self, operation: Operation, work: Coroutine[Any, Any, Result]) -> Result:
        result, error = None, None
        try:
            result = await work
        except ContainerdError as problem:
            error = problem
            raise
        except BaseException as problem:
            error = Internal(f"cannot carry out operation: {type(problem).__name__}")
            raise
        else:
            return result
        finally:
            del self._running[operation.id]
            self._ended.append(operation)
            operation.end(result, error)
            if operation.followed:
                operation.tell(self._events)

    def _find(self, reference: str) -> Operation:
        seen = scope()
        for one in (*self._running.values(), *self._ended):
            if one.id == reference and one.shown_to(seen):
                return one
        raise NotFound(
            f"cannot find operation {reference!r}: there is none such",
            step="find",
            hint=f"the last {_KEPT} that have ended are known, of this daemon alone",
        )
