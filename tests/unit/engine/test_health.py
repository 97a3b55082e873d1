"""What follows from the results of health checks, and what one tells of a check that does not go well."""

from datetime import UTC, datetime

import pytest

from containerd_py.engine.health.verdict import KEPT, after, definition, starting
from containerd_py.store.records import HealthCheck, HealthResult, HealthState
from containerd_py.wire import HealthSpec

AT = datetime(2026, 1, 1, tzinfo=UTC)
SPEC = HealthSpec.model_validate({"exec": ["/bin/true"], "retries": 2})


def check() -> HealthCheck:
    made = definition(SPEC)
    assert made is not None
    return made


def found(codes: list[int], *, in_start_period: bool = False, state: HealthState | None = None) -> HealthState:
    state = state or starting(check())
    assert state is not None
    for code in codes:
        result = HealthResult(started_at=AT, duration_s=0.1, exit_code=code, output=str(code))
        state = after(state, check(), result, in_start_period=in_start_period)
    return state


@pytest.mark.parametrize(
    ("codes", "status", "streak"),
    [
        ([], "starting", 0),
        ([1], "starting", 1),
        ([1, 1], "unhealthy", 2),
        ([1, 1, 1], "unhealthy", 3),
        ([1, 0], "healthy", 0),
        ([1, 0, 1], "healthy", 1),
        ([0, 1, 1], "unhealthy", 2),
        ([1, 1, 0], "healthy", 0),
        ([126, 127], "unhealthy", 2),
    ],
)
def test_so_many_failures_in_a_row_make_it_unhealthy(codes: list[int], status: str, streak: int) -> None:
    state = found(codes)
    assert (state.status, state.failing_streak) == (status, streak)


def test_the_start_period_ends_with_the_first_success() -> None:
    state = found([1, 1, 1], in_start_period=True)
    assert (state.status, state.failing_streak) == ("starting", 0)
    assert found([1, 1, 1, 0], in_start_period=True).status == "healthy"
    assert found([0, 1, 1], in_start_period=True).status == "unhealthy"
    assert found([1, 1], state=state).status == "unhealthy"


def test_the_last_results_are_kept() -> None:
    assert [one.output for one in found([0, 1, 2, 3, 4, 5, 6]).results] == ["2", "3", "4", "5", "6"]
    assert len(found([0] * 20).results) == KEPT


def test_since_tells_of_the_status_alone() -> None:
    once = found([0])
    assert found([0, 1], state=once).since == once.since
    assert found([1, 1], state=once).since > once.since


@pytest.mark.parametrize(
    ("asked", "fields"),
    [
        ({"exec": ["a", "b"]}, {"kind": "exec", "args": ("a", "b"), "port": 0}),
        ({"tcp": {"port": 80}}, {"kind": "tcp", "host": "127.0.0.1", "port": 80, "path": ""}),
        ({"http": {"port": 80, "host": "::1"}}, {"kind": "http", "host": "::1", "port": 80, "path": "/"}),
        (
            {"tcp": {"port": 1}},
            {"interval_s": 30, "timeout_s": 30, "retries": 3, "start_period_s": 0, "on_failure": "none"},
        ),
    ],
)
def test_a_request_becomes_a_record(asked: dict[str, object], fields: dict[str, object]) -> None:
    made = definition(HealthSpec.model_validate(asked))
    assert made is not None
    assert {name: getattr(made, name) for name in fields} == fields
    assert HealthCheck.model_validate_json(made.model_dump_json()) == made


def test_nothing_asked_for_is_nothing_checked() -> None:
    assert (definition(None), starting(None)) == (None, None)
