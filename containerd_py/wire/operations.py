"""Actions that may take long."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from containerd_py.wire.common import ErrorBody, Wire
from containerd_py.wire.containers import Exit, Pruned, ShutDown
from containerd_py.wire.events import Peer

OperationAction = Literal["start", "stop", "restart", "delete", "prune", "shutdown"]
OperationStatus = Literal["running", "done", "failed"]


class Operation(Wire):
    """One action. exit, pruned, shut_down: what its request would have been answered, where that is more than nothing."""

    id: str
    action: OperationAction
    status: OperationStatus
    container_id: str | None
    """None for one that is about all containers."""
    container_name: str | None
    started_at: str
    finished_at: str | None
    asked_by: Peer | None
    """None for what came by itself."""
    error: ErrorBody | None
    """Why it has failed."""
    exit: Exit | None
    pruned: Pruned | None
    shut_down: ShutDown | None


class OperationList(Wire):
    operations: Annotated[tuple[Operation, ...], Field(strict=False)]
