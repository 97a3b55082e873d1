"""A sample of `make soak MINUTES=n`: random operations while daemon, spawner and workers are killed; nothing is lost."""

from pathlib import Path

import pytest

from tests.soak.__main__ import soak_with_faults


@pytest.mark.timeout(600)
async def test_nothing_is_lost_in_some_seconds_of_kills(tmp_path: Path, *, whole: bool) -> None:
    folder = tmp_path / "s"
    folder.mkdir()
    report = await soak_with_faults(folder, 120 if whole else 10, seed=20261130)
    assert report.fine, report.text()
    assert report.account.exits > 5
    assert report.faults.total() > 2
