"""A spawner for each test."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.spawner.spawner_process import Spawner


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "state"
    path.mkdir(mode=0o700)
    return path


@pytest.fixture
def spawner(folder: Path) -> Iterator[Spawner]:
    """A spawner that has greeted us and has nothing yet."""
    with contextlib.closing(Spawner(folder)) as running:
        assert running.meet()[1] == []
        yield running
