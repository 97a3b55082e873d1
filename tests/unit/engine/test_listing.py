"""Which containers are listed, and in which order."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from containerd_py.engine.listing import Listing, SortKey, select
from containerd_py.engine.views import ContainerSummary
from containerd_py.store.records import NextStart
from tests.unit.engine.test_containers import container

T0 = datetime(2026, 1, 2, tzinfo=UTC)


def summary(container_id: str, name: str, age_s: int, **given: Any) -> ContainerSummary:
    return container(container_id, name, created_at=T0 + timedelta(seconds=age_s), **given).summary()


SUMMARIES = (
    summary("c", "api", 30, status="stopped", labels={"app": "x", "tier": "front"}, started_at=T0 + timedelta(seconds=90)),
    summary("a", "web-1", 10, status="running", labels={"app": "x"}, started_at=T0 + timedelta(seconds=99)),
    summary("d", "web-2", 40, status="stopped", next_start=NextStart(at=T0, cause="policy")),
    summary("b", "db", 20, status="paused", labels={"app": ""}),
)


@pytest.mark.parametrize(
    ("listing", "expected"),
    [
        (Listing(), "abcd"),
        (Listing(statuses=("running",)), "a"),
        (Listing(statuses=("running", "paused")), "ab"),
        (Listing(statuses=("stopped",)), "cd"),
        (Listing(statuses=("restarting",)), "d"),
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
