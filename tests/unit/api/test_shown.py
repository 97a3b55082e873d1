"""From views to the wire."""

from datetime import UTC, datetime
from typing import Any

import pytest

from containerd_py import wire
from containerd_py.api import shown
from containerd_py.engine.views import ContainerSummary, Exit, Status

NOW = datetime(2026, 1, 2, 3, 4, 5, 60, tzinfo=UTC)


def summary(**given: Any) -> ContainerSummary:
    fields: dict[str, Any] = {
        "id": "abc",
        "name": "web",
        "status": Status.RUNNING,
        "args": ("/bin/sh",),
        "rootfs": '/srv/ä"',
        "labels": {"a": "\n"},
        "terminal": False,
        "pid": 7,
        "created_at": NOW,
        "started_at": NOW,
        "exit": None,
        "restart_count": 1,
        "next_start_at": None,
        "health": "healthy",
    }
    return ContainerSummary(**fields | given)


@pytest.mark.parametrize("count", [0, 1, 3])
def test_a_list_is_that_of_the_wire_each_time(count: int) -> None:
    ended = Exit(137, "signaled", "SIGKILL", NOW)
    shown_ones = [summary(id=f"c{number}", exit=ended, pid=None, next_start_at=NOW) for number in range(count)]
    first = shown.container_list(shown_ones)
    assert [one.id for one in wire.ContainerList.model_validate_json(first).containers] == [f"c{n}" for n in range(count)]
    assert shown.container_list(shown_ones) == first


def test_a_summary_on_the_wire() -> None:
    [told] = wire.ContainerList.model_validate_json(shown.container_list([summary()])).containers
    assert told.model_dump() == {
        "id": "abc",
        "name": "web",
        "status": "running",
        "args": ("/bin/sh",),
        "rootfs": '/srv/ä"',
        "labels": {"a": "\n"},
        "terminal": False,
        "pid": 7,
        "created_at": "2026-01-02T03:04:05.000060Z",
        "started_at": "2026-01-02T03:04:05.000060Z",
        "exit": None,
        "restart_count": 1,
        "next_start_at": None,
        "health": "healthy",
    }


def test_times_have_all_their_digits() -> None:
    assert shown.time(NOW.replace(microsecond=0)) == "2026-01-02T03:04:05.000000Z"
