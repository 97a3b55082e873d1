"""Whether and when a container that has ended is started again."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from containerd_py.engine.clock import Moment, now
from containerd_py.engine.restart_policy import (
    RestartPolicy,
    after_exit,
    after_failed_attempt,
    delay_s,
    left_s,
    parse_policy,
    planned_start,
)
from containerd_py.store.records import ContainerRecord, ExitRecord, NextStart

START = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def moment(after_s: float = 0.0, *, boottime_s: float | None = None, boot: str = "this") -> Moment:
    """boottime_s: since the start too, where somebody has set the wall clock."""
    boottime_ns = round((after_s if boottime_s is None else boottime_s) * 1e9)
    return Moment(START + timedelta(seconds=after_s), boottime_ns, boot)


def planned(after_s: float) -> NextStart:
    return NextStart(
        at=START + timedelta(seconds=after_s), cause="policy", boottime_ns=round(after_s * 1e9), boot_id="this"
    )


def record(**given: Any) -> ContainerRecord:
    fields = {"id": "a", "name": "a", "status": "running", "created_at": START, "started_at": START, "rootfs": "/r"}
    return ContainerRecord.model_validate(fields | given)


def ended(code: int | None, after_s: float = 0.0) -> ExitRecord:
    reason = "lost" if code is None else "exited"
    finished_at = START + timedelta(seconds=after_s)
    return ExitRecord.model_validate({"exit_code": code, "reason": reason, "signal": None, "finished_at": finished_at})


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("no", RestartPolicy("no")),
        ("always", RestartPolicy("always")),
        ("unless-stopped", RestartPolicy("unless-stopped")),
        ("on-failure", RestartPolicy("on-failure")),
        ("on-failure:3", RestartPolicy("on-failure", 3)),
    ],
)
def test_policies_are_read(text: str, expected: RestartPolicy) -> None:
    assert parse_policy(text) == expected


def test_the_delay_doubles_up_to_a_minute() -> None:
    assert [delay_s(failures) for failures in range(1, 5)] == [0.1, 0.2, 0.4, 0.8]
    assert [delay_s(failures) for failures in (10, 11, 12, 100_000)] == [51.2, 60.0, 60.0, 60.0]


@pytest.mark.parametrize(
    ("policy", "code", "restarts", "wanted"),
    [
        ("no", 1, 0, False),
        ("always", 0, 10**6, True),
        ("unless-stopped", 0, 0, True),
        ("on-failure", 0, 0, False),
        ("on-failure", 1, 10**6, True),
        ("on-failure", None, 0, True),  # what nobody saw is no success
        ("on-failure:2", 1, 1, True),
        ("on-failure:2", 1, 2, False),
    ],
)
def test_which_ends_are_followed_by_a_start(policy: str, code: int | None, restarts: int, wanted: bool) -> None:  # noqa: FBT001
    changes = after_exit(record(restart=policy, restart_count=restarts), ended(code), moment())
    assert ("next_start" in changes) is wanted


def test_ends_in_a_row_wait_longer_until_it_runs_well() -> None:
    running = record(restart="always", failures=3, started_boottime_ns=0, boot_id="this")
    assert after_exit(running, ended(1), moment(9.9)) == {"failures": 4, "next_start": planned(9.9 + 0.8)}
    assert after_exit(running, ended(1), moment(10)) == {"failures": 1, "next_start": planned(10.1)}


@pytest.mark.parametrize("years", [-10, 10])
def test_a_clock_that_is_set_changes_nothing(years: int) -> None:
    """Ten years on or back: what has run for a second has, and what is due in 100 ms is."""
    off_s = years * 365 * 86_400.0
    running = record(restart="always", failures=3, started_boottime_ns=0, boot_id="this")
    assert after_exit(running, ended(1), moment(off_s, boottime_s=1))["failures"] == 4
    assert after_exit(running, ended(1), moment(off_s, boottime_s=11))["failures"] == 1
    soon = planned_start("policy", moment(1.0), 0.1)
    assert left_s(soon, moment(off_s, boottime_s=1.0)) == pytest.approx(0.1)
    assert left_s(soon, moment(off_s, boottime_s=2.0)) == 0


def test_after_a_boot_all_is_due() -> None:
    assert left_s(planned_start("policy", moment(1000.0), 60.0), moment(0.0, boottime_s=5, boot="next")) == 0
    running = record(restart="always", failures=3, started_boottime_ns=5_000_000_000, boot_id="this")
    assert after_exit(running, ended(None), moment(100, boottime_s=1, boot="next"))["failures"] == 1


def test_what_an_older_daemon_planned_is_read_by_the_wall() -> None:
    assert left_s(NextStart(at=START + timedelta(seconds=3), cause="policy"), moment(1.0)) == 2
    assert left_s(NextStart(at=START, cause="policy"), moment(1.0)) == 0
    assert after_exit(record(restart="always", failures=3), ended(1), moment(11.0))["failures"] == 1


def test_this_moment_is_of_this_boot() -> None:
    first, second = now(), now()
    assert first.boottime_ns <= second.boottime_ns
    assert first.boot_id == second.boot_id != ""
    assert left_s(planned_start("request", first), second) == 0


@pytest.mark.parametrize("given", [{"stopped_on_request": True}, {"started_at": None}])
def test_what_was_stopped_or_never_started_stays_as_it_is(given: dict[str, Any]) -> None:
    assert after_exit(record(restart="always", failures=3, **given), ended(1), moment()) == {"failures": 0}


def test_a_start_that_somebody_waits_for_is_left_to_them() -> None:
    waited_for = NextStart(at=START, cause="request")
    assert after_exit(record(restart="always", next_start=waited_for), ended(1), moment()) == {}


def test_attempts_that_fail_are_counted_and_come_to_an_end() -> None:
    first = after_failed_attempt(record(restart="on-failure:2"), moment(), counted=True)
    assert (first["restart_count"], first["failures"]) == (1, 1)
    assert first["next_start"] == planned(0.1)
    last = after_failed_attempt(record(restart="on-failure:2", restart_count=1, failures=1), moment(), counted=True)
    assert last == {"next_start": None, "restart_count": 2}
    again = after_failed_attempt(record(restart="on-failure:2", restart_count=1, failures=1), moment(), counted=False)
    assert (again["restart_count"], again["failures"]) == (1, 2)


def test_how_long_ago_is_counted_by_a_clock_that_nobody_sets() -> None:
    assert moment(-50, boottime_s=7).since_s(2 * 10**9, "this") == 5
    assert moment(7).since_s(2 * 10**9, "another boot") is None
    assert moment(7).since_s(None, "this") is None
