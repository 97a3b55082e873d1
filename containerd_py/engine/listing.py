"""Which containers are listed, and in which order. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from containerd_py.engine.labels import carries
from containerd_py.engine.views import Status

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from containerd_py.engine.views import ContainerView

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


@dataclass(frozen=True, slots=True)
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


def select(views: Iterable[ContainerView], listing: Listing) -> tuple[ContainerView, ...]:
    """since and before must be ids of some of `views`."""
    oldest_first = sorted(views, key=_age)
    ages = {view.id: _age(view) for view in oldest_first}
    after = None if listing.since is None else ages[listing.since]
    until = None if listing.before is None else ages[listing.before]
    found = [
        view
        for view in oldest_first
        if (after is None or _age(view) > after) and (until is None or _age(view) < until) and _matches(view, listing)
    ]
    found.sort(key=_KEYS[listing.sort], reverse=listing.descending)
    return tuple(found[: listing.limit])


def has_label(view: ContainerView, label: str) -> bool:
    """label: "key" or "key=value"."""
    return carries(view.labels, label)


def _matches(view: ContainerView, listing: Listing) -> bool:
    return (
        (not listing.statuses or view.status in listing.statuses or (RESTARTING in listing.statuses and _waits(view)))
        and (not listing.healths or (view.health_now or UNCHECKED) in listing.healths)
        and all(has_label(view, label) for label in listing.labels)
        and (not listing.names or any(part in view.name for part in listing.names))
    )


def _waits(view: ContainerView) -> bool:
    return view.status is Status.STOPPED and view.next_start_at is not None


def _age(view: ContainerView) -> tuple[float, str]:
    return view.created_at.timestamp(), view.id


_KEYS: dict[SortKey, Callable[[ContainerView], tuple[float | str, str]]] = {
    SortKey.CREATED: _age,
    SortKey.STARTED: lambda view: (view.started_at.timestamp() if view.started_at else 0.0, view.id),
    SortKey.NAME: lambda view: (view.name, view.id),
    SortKey.STATUS: lambda view: (view.status.value, view.id),
}
