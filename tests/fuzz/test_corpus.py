"""Every input that is kept is dealt with: seeds, and what was found once."""

from pathlib import Path

import pytest

from tests.fuzz.running import CORPUS, seeds
from tests.fuzz.targets import TARGETS, load


@pytest.mark.parametrize("target", TARGETS)
def test_what_is_kept_is_dealt_with(target: str, tmp_path: Path) -> None:
    assert seeds(target)
    for path in seeds(target):
        load(target)(path.read_bytes(), tmp_path)


def test_every_folder_has_a_target() -> None:
    assert {path.name for path in CORPUS.iterdir()} == set(TARGETS)
