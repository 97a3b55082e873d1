"""Names in a directory, by its descriptor."""

import os
from pathlib import Path

from containerd_py.runtime.linux.directories import names


def test_names_are_those_that_are_there(tmp_path: Path) -> None:
    for number in range(2000):
        (tmp_path / f"{number}").touch()
    directory = os.open(tmp_path, os.O_RDONLY)
    assert sorted(names(directory)) == sorted(map(str, range(2000)))
    os.close(directory)


def test_a_directory_that_was_removed_meanwhile_has_none(tmp_path: Path) -> None:
    (tmp_path / "gone").mkdir()
    directory = os.open(tmp_path / "gone", os.O_RDONLY)
    (tmp_path / "gone").rmdir()
    assert list(names(directory)) == []
    os.close(directory)
