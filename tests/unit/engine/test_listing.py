"""Which containers are listed, and in which order."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from containerd_py.engine.listing import Listing, SortKey, select
from containerd_py.engine.views import ContainerSummary
from containerd_py.store.records import HealthState, NextStart
from tests.unit.engine.test_containers import container

T0 = datetime(2026, 1, 2, tzinfo=UTC)


def summary(container_id: str, name: str, age_s: int, **given: Any) -> ContainerSummary:
    return container(container_id, name, created_at=T0 + timedelta(seconds=age_s), **given).summary()


WELL, ILL = (HealthState(status=status, since=T0) for status in ("healthy", "unhealthy"))
APP = {"app": "x"}
FRONT = APP | {"tier": "front"}

SUMMARIES = (
    summary("c", "api", 30, status="stopped", labels=FRONT, started_at=T0 + timedelta(seconds=90), health_state=WELL),
    summary("a", "web-1", 10, status="running", labels=APP, started_at=T0 + timedelta(seconds=99), health_state=WELL),
    summary("d", "web-2", 40, status="stopped", next_start=NextStart(at=T0, cause="policy")),
    summary("b", "db", 20, status="paused", labels={"app": ""}, health_state=ILL),
)


@pytest.mark.parametrize(
    ("listing", "expected"),
    [
        (Listing(), "abcd"),
        (Listing(statuses=("running",)), "a"),
        (Listing(statuses=("running", "paused")), "ab"),
        (Listing(statuses=("stopped",)), "cd"),
        (Listing(statuses=("restarting",)), "d"),
        (Listing(healths=("healthy",)), "a"),
        (Listing(healths=("healthy", "unhealthy")), "ab"),
        (Listing(healths=("none",)), "cd"),  # of "c" only its last run was checked
        (Listing(healths=("starting",)), ""),
        (Listing(labels=("app",)), "abc"),
        (Listing(labels=("app=x",)), "ac"),
        (Listing(labels=("app=",)), "b"),
        (Listing(labels=("app", "tier")), "c"),
        (Listing(names=("web",)), "ad"),
        (Listing(names=("db", "api")), "bc"),
        (Listing(names=("nothing",)), ""),
        (Listing(since="b"), "cd"),
        (Listing(before="c"), "ab"),
        (Listing(since="a", before="d"), "bc"),
        (Listing(descending=True), "dcba"),
        (Listing(sort=SortKey.NAME), "cbad"),
        (Listing(sort=SortKey.NAME, descending=True), "dabc"),
        (Listing(sort=SortKey.STARTED), "bdca"),
        (Listing(sort=SortKey.STATUS), "bacd"),
        (Listing(limit=2), "ab"),
        (Listing(descending=True, limit=1), "d"),
        (Listing(statuses=("stopped",), limit=9), "cd"),
    ],
    ids=str,
)
def test_what_is_listed(listing: Listing, expected: str) -> None:
    assert "".join(one.id for one in select(SUMMARIES, listing)) == expected
