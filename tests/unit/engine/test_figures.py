"""What is made of the figures of a cgroup."""

from datetime import UTC, datetime

import pytest

from containerd_py.engine.figures import Figures
from containerd_py.engine.measuring import Series
from containerd_py.engine.runs import Run
from containerd_py.runtime.cgroups.stats import Stats
from containerd_py.runtime.cgroups.stats.figures import BlockEntry, BlockIo, Memory, Usage
from tests.unit.engine.test_containers import container

NOW = datetime(2026, 1, 2, tzinfo=UTC)


def figures(stats: Stats) -> Figures:
    return Figures("a", "a", NOW, stats, None)


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ({"inactive_file": 30}, 70),
        ({"total_inactive_file": 40, "inactive_file": 1}, 60),
        ({"inactive_file": 999}, 0),
        ({}, 100),
    ],
)
def test_the_working_set_is_without_the_cache_that_nobody_uses(raw: dict[str, int], expected: int) -> None:
    assert figures(Stats(memory=Memory(usage=Usage(100), raw=raw))).working_set_bytes == expected


def test_swap_is_what_goes_beyond_memory() -> None:
    assert figures(Stats(memory=Memory(usage=Usage(100), swap=Usage(130)))).swap_bytes == 30
    assert figures(Stats(memory=Memory(usage=Usage(100)))).swap_bytes == 0  # where swap is not counted


def test_transfers_are_those_of_all_devices() -> None:
    entries = (
        BlockEntry(8, 0, "Read", 5),
        BlockEntry(8, 16, "Read", 6),
        BlockEntry(8, 0, "Write", 7),
        BlockEntry(8, 0, "Sync", 9),
    )
    found = figures(Stats(block_io=BlockIo(bytes=entries, operations=entries[:1])))
    assert (found.transferred_bytes("Read"), found.transferred_bytes("Write")) == (11, 7)
    assert (found.transfers("Read"), found.transfers("Write")) == (5, 0)


async def test_the_use_of_the_cpu_is_told_between_two_measurements_of_one_run() -> None:
    subject, series = container(), Series()
    percents = []
    for again in (False, False, True, False):
        if again:
            subject.run = Run()
        (found,) = (await series.measure((subject,))).containers
        percents.append(found.cpu_percent)
    assert percents == [None, 0.0, None, 0.0]
