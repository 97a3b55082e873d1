"""Whether and when a container that has ended is started again. Pure: what is decided goes into its record."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, Literal

from containerd_py.light.dataclasses import dataclass
from containerd_py.store.records import NextStart

if TYPE_CHECKING:
    from containerd_py.engine.clock import Moment
    from containerd_py.store.records import ContainerRecord, ExitRecord

_FIRST_S = 0.1
_LONGEST_S = 60.0
_WELL_S = 10.0
_DOUBLINGS = 10  # 0.1 s doubled so often is above the longest


@dataclass(frozen=True)
class RestartPolicy:
    """kind: "no", "on-failure", "always" or "unless-stopped"; most: restarts at most, None without a limit."""

    kind: str
    most: int | None = None

    def wants(self, exit_code: int | None, restarts: int) -> bool:
        """True where one that ended so is started again. exit_code: None where nobody saw it, which is no success."""
        if self.kind == "on-failure":
            return exit_code != 0 and self.allows(restarts)
        return self.kind != "no"

    def allows(self, restarts: int) -> bool:
        return self.most is None or restarts < self.most


def parse_policy(text: str) -> RestartPolicy:
    """Read "always" or "on-failure:3", as the wire has checked it."""
    kind, _, most = text.partition(":")
    return RestartPolicy(kind, int(most) if most else None)


def delay_s(failures: int) -> float:
    """Return how long to wait after so many ends in a row, each soon after its start: 100 ms, doubled up to a minute."""
    return min(_FIRST_S * 2.0 ** min(failures - 1, _DOUBLINGS), _LONGEST_S)


def after_exit(record: ContainerRecord, ended: ExitRecord, now: Moment) -> dict[str, Any]:
    """Return what changes in the record of a container, besides its exit. record: as before the end."""
    if record.next_start is not None:  # somebody waits for this end, to start it again
        return {}
    policy = parse_policy(record.restart)
    if record.started_at is None or record.stopped_on_request or not policy.wants(ended.exit_code, record.restart_count):
        return {"failures": 0}
    return _again(0 if _ran_s(record, now) >= _WELL_S else record.failures, now)


def _ran_s(record: ContainerRecord, now: Moment) -> float:
    """Return how long a run has lasted; by the wall where it began in another boot, or with an older daemon."""
    ran_s = now.since_s(record.started_boottime_ns, record.boot_id)
    if ran_s is not None:
        return ran_s
    return 0.0 if record.started_at is None else (now.wall - record.started_at).total_seconds()


def left_s(planned: NextStart, now: Moment) -> float:
    """Return how long it is until then; 0 where that has passed."""
    if planned.boottime_ns is None:  # planned by an older daemon
        return max(0.0, (planned.at - now.wall).total_seconds())
    if planned.boot_id != now.boot_id:
        return 0.0
    return max(0.0, (planned.boottime_ns - now.boottime_ns) / 1e9)


def after_failed_attempt(record: ContainerRecord, now: Moment, *, counted: bool) -> dict[str, Any]:
    """Return what changes where an automatic start did not succeed. counted: it was the container's own fault."""
    restarts = record.restart_count + counted
    if record.stopped_on_request or not parse_policy(record.restart).wants(None, restarts):
        return {"next_start": None, "restart_count": restarts}
    return _again(record.failures, now) | {"restart_count": restarts}


def _again(failures: int, since: Moment) -> dict[str, Any]:
    planned = planned_start("policy", since, delay_s(failures + 1))
    return {"failures": failures + 1, "next_start": planned}


def planned_start(cause: Literal["policy", "request"], since: Moment, after_s: float = 0.0) -> NextStart:
    at, boottime_ns = since.wall + timedelta(seconds=after_s), since.boottime_ns + round(after_s * 1e9)
    return NextStart(at=at, cause=cause, boottime_ns=boottime_ns, boot_id=since.boot_id)
