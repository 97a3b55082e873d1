"""Which containers are listed, and in which order. Pure."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

from containerd_py.engine.labels import carries_all
from containerd_py.engine.views import Status
from containerd_py.light.dataclasses import dataclass

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from datetime import datetime

    from containerd_py.engine.views import ContainerSummary

RESTARTING = "restarting"
"""Asked for as a status: stopped, and to be started again by its policy."""

STATUSES = (*(status.value for status in Status), RESTARTING)

UNCHECKED = "none"
"""Asked for as a health: nothing is checked, or nothing runs."""

HEALTHS = ("starting", "healthy", "unhealthy", UNCHECKED)


class SortKey(StrEnum):
    CREATED = "created"
    STARTED = "started"
    NAME = "name"
    STATUS = "status"


@dataclass(frozen=True)
class Listing:
    """Every condition must hold; of `statuses`, of `healths` and of `names` one is enough, and none means all.

    names: what the name has in it. since, before: ids of containers; those made after, or before, them.
    """

    statuses: tuple[str, ...] = ()
    healths: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    since: str | None = None
    before: str | None = None
    sort: SortKey = SortKey.CREATED
    descending: bool = False
    limit: int | None = None


def select(summaries: Iterable[ContainerSummary], listing: Listing) -> tuple[ContainerSummary, ...]:
    """since and before must be ids of some of `summaries`."""
    found = sorted(summaries, key=_age)
    if listing.since is not None or listing.before is not None:
        places = {summary.id: place for place, summary in enumerate(found)}
        after = 0 if listing.since is None else places[listing.since] + 1
        found = found[after : None if listing.before is None else places[listing.before]]
    found = [summary for summary in found if _matches(summary, listing)]
    if listing.sort is not SortKey.CREATED:
        found.sort(key=_KEYS[listing.sort])
    if listing.descending:
        found.reverse()
    return tuple(found[: listing.limit])


def _matches(summary: ContainerSummary, listing: Listing) -> bool:
    statuses, labels, names = listing.statuses, listing.labels, listing.names
    return (
        (not statuses or summary.status in statuses or (RESTARTING in statuses and _waits(summary)))
        and carries_all(summary.labels, labels)
        and (not listing.healths or (summary.health or UNCHECKED) in listing.healths)
        and (not names or any(part in summary.name for part in names))
    )


def _waits(summary: ContainerSummary) -> bool:
    return summary.status is Status.STOPPED and summary.next_start_at is not None


def _age(summary: ContainerSummary) -> tuple[datetime, str]:
    return summary.created_at, summary.id


_KEYS: dict[SortKey, Callable[[ContainerSummary], tuple[float | str, str]]] = {
    SortKey.STARTED: lambda summary: (summary.started_at.timestamp() if summary.started_at else 0.0, summary.id),
    SortKey.NAME: lambda summary: (summary.name, summary.id),
    SortKey.STATUS: lambda summary: (summary.status.value, summary.id),
}
