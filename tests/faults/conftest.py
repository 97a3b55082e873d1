"""Faults, made to a real daemon: the table of docs/explanation/crashes.md says what must happen, and which test shows it.

After each case the daemon holds what it held before (`unleaking`).
"""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.faults.leaks import Leaks
from tests.faults.test_refused_calls import SAMPLE
from tests.integration.api_client import Api
from tests.integration.conftest import daemon, rootfs, warm
from tests.integration.daemon_process import Daemon

__all__ = ["daemon", "rootfs", "warm"]


@pytest.fixture(autouse=True)
def forgetful(monkeypatch: pytest.MonkeyPatch) -> None:
    """Daemons keep nothing of removed containers: what is there later is a leak."""
    monkeypatch.setenv("PYCONTAINERD_REMOVED_KEEP_S", "0")


@pytest.fixture
def whole(request: pytest.FixtureRequest) -> bool:
    """All is asked for, not a sample."""
    return bool(request.config.getoption("--full"))


@pytest_asyncio.fixture
async def leaks(forgetful: None, daemon: Daemon) -> AsyncIterator[Leaks]:
    """What the daemon holds at the beginning, and at the end of the test again."""
    found = Leaks(daemon)
    async with daemon.api() as first:
        await found.begin(first)
    yield found
    async with daemon.api() as again:
        await found.check(again)


@pytest_asyncio.fixture
async def api(leaks: Leaks, daemon: Daemon) -> AsyncIterator[Api]:
    """Its connections are closed before the leaks are looked for."""
    async with daemon.api() as client:
        yield client


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Of refused calls, a sample of the cases; and nothing that takes thousands of requests."""
    if config.getoption("--full"):
        return
    sample = {f"{victim.__name__[3:]}-{error}-{operation.name}" for victim, error, operation in SAMPLE}
    if left := [one for one in items if _left_out(one, sample)]:
        config.hook.pytest_deselected(items=left)
        items[:] = [one for one in items if one not in left]


def _left_out(item: pytest.Item, sample: set[str]) -> bool:
    if isinstance(item, pytest.Function) and item.path.name == "test_refused_calls.py":
        return item.callspec.id not in sample
    return item.name == "test_a_subscriber_who_reads_nothing_finds_a_gap"
