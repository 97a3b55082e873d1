"""Operations: actions that go on without the one who asked."""

from __future__ import annotations

from typing import Literal

from containerd_py import wire
from containerd_py.client.calls import BOOLEAN, Calls, given
from containerd_py.client.failures import raise_for_late_error, read_model
from containerd_py.client.paths import container_path, operation_path

Begun = Literal["start", "stop", "restart", "delete"]


class OperationCalls(Calls):
    async def begin(
        self,
        action: Begun,
        container: str,
        *,
        timeout_s: float | None = None,
        signal: str | None = None,
        force: bool = False,
    ) -> wire.Operation:
        """Return once the action is under way; `operation_wait` waits for its end, and an event `operation.ended` tells it.

        timeout_s, signal: of "stop" and "restart"; force: of "delete". NotFound: there is no such container. What else the
        action may fail with is in `error` of the operation.
        """
        query = given(timeout=timeout_s, signal=signal) | ({"force": BOOLEAN[True]} if force else {})
        method, path = ("DELETE", "") if action == "delete" else ("POST", action)
        answer = await self._connection.exchange(method, container_path(container, path), query, deferred=True)
        return read_model(wire.Operation, answer, f"{method} {container_path(container, path)}")

    async def operations(self) -> tuple[wire.Operation, ...]:
        """Return those under way and the last ones that have ended, the oldest first."""
        return (await self._connection.fetch(wire.OperationList, "GET", "/v1/operations")).operations

    async def operation(self, operation_id: str) -> wire.Operation:
        """Return what is known of one. NotFound: there is none such, or it has ended long ago."""
        return await self._connection.fetch(wire.Operation, "GET", operation_path(operation_id))

    async def operation_wait(self, operation_id: str) -> wire.Operation:
        """Return when it has ended, well or not. NotFound: as by `operation`. Unavailable: the daemon stops before."""
        path = operation_path(operation_id, "wait")
        answer = await self._connection.exchange("POST", path)
        raise_for_late_error(answer)
        return read_model(wire.Operation, answer, f"POST {path}")
