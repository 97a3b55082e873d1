"""What follows from the results of checks. Pure: what is decided goes into the container's record."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal

from containerd_py.store.records import HealthCheck, HealthResult, HealthState

if TYPE_CHECKING:
    from containerd_py.wire import HealthSpec

KEPT = 5
"""So many results are kept."""

_LOOPBACK = "127.0.0.1"


def definition(asked: HealthSpec | None) -> HealthCheck | None:
    """Return what goes on record of a request."""
    if asked is None:
        return None
    kind: Literal["exec", "tcp", "http"] = "exec" if asked.exec is not None else "tcp" if asked.tcp is not None else "http"
    where = asked.tcp or asked.http
    return HealthCheck(
        kind=kind,
        args=asked.exec or (),
        host="" if where is None else where.host,
        port=0 if where is None else where.port,
        path="" if asked.http is None else asked.http.path,
        interval_s=asked.interval_s,
        timeout_s=asked.timeout_s,
        retries=asked.retries,
        start_period_s=asked.start_period_s,
        on_failure=asked.on_failure,
    )


def starting(check: HealthCheck | None) -> HealthState | None:
    """Return the state of a run that begins."""
    return None if check is None else HealthState(status="starting", since=datetime.now(UTC))


def after(state: HealthState, check: HealthCheck, result: HealthResult, *, in_start_period: bool) -> HealthState:
    """Return the state after a result. Until its first success a failure within the start period does not count."""
    results = (*state.results, result)[-KEPT:]
    if result.exit_code == 0:
        return _changed(state, "healthy", 0, results)
    if in_start_period and state.status == "starting":
        return _changed(state, state.status, 0, results)
    streak = state.failing_streak + 1
    return _changed(state, "unhealthy" if streak >= check.retries else state.status, streak, results)


def _changed(
    state: HealthState,
    status: Literal["starting", "healthy", "unhealthy"],
    streak: int,
    results: tuple[HealthResult, ...],
) -> HealthState:
    since = state.since if status == state.status else datetime.now(UTC)
    return HealthState(status=status, failing_streak=streak, since=since, results=results)
