"""What follows from the results of health checks, and that no watch outlives its run."""

from datetime import UTC, datetime
from typing import cast

import pytest

from containerd_py.engine.clock import now
from containerd_py.engine.containers import Container
from containerd_py.engine.health.verdict import KEPT, after, definition, starting
from containerd_py.engine.health.watching import Health, Watching, _grace_s
from containerd_py.engine.output import OutputLog
from containerd_py.engine.views import Exit
from containerd_py.errors import NotFound
from containerd_py.store.records import ContainerRecord, HealthCheck, HealthResult, HealthState
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


class Vanished:
    """A container that is deleted while it is being asked: whoever watches it is told so, in place of being cancelled."""

    asked = 0

    async def ask(self, container: Container, _check: HealthCheck) -> None:
        self.asked += 1
        container.run.end(Exit(137, "signaled", "SIGKILL", AT), 0)
        raise NotFound("cannot delete exec: it has been deleted")


async def test_a_watch_ends_with_its_run() -> None:
    quick = check().model_copy(update={"interval_s": 0.0})
    record = ContainerRecord(id="a", name="a", status="running", created_at=AT, rootfs="/", health=quick)
    container = Container(record, {}, {}, OutputLog(""))
    health = Vanished()
    await Watching(cast("Health", health), container, quick).run()
    assert health.asked == 1


@pytest.mark.parametrize(("ran_s", "boot", "left_s"), [(400, None, 600), (4000, None, 0), (400, "another boot", 1000)])
async def test_what_is_left_of_the_start_period_goes_by_no_clock_that_is_set(
    ran_s: int, boot: str | None, left_s: float
) -> None:
    """Of a run that an earlier daemon has begun; by the wall clock that was years ago."""
    given, moment = check().model_copy(update={"start_period_s": 1000.0}), now()
    record = ContainerRecord(
        id="a",
        name="a",
        status="running",
        created_at=AT,
        started_at=AT,
        rootfs="/",
        started_boottime_ns=moment.boottime_ns - ran_s * 10**9,
        boot_id=boot or moment.boot_id,
    )
    assert _grace_s(Container(record, {}, {}, OutputLog("")), given) == pytest.approx(left_s, abs=100)
