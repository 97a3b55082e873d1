"""A sample of `make soak`: random operations by many at once leave nothing behind, and no answer is wrong."""

from pathlib import Path

import pytest

from tests.soak.__main__ import soak


@pytest.mark.timeout(240)
async def test_nothing_is_left_of_many_operations(tmp_path: Path) -> None:
    folder = tmp_path / "s"
    folder.mkdir()
    left, done = await soak(folder, 800, seed=20261124)
    assert left == []
    assert done["run_own"] > 40
