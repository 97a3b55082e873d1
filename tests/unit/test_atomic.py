"""Files that are whole or not there."""

import os
from pathlib import Path

import pytest

from containerd_py import atomic
from tests.unit.store.small_disk import fill, needs_root, small_disk


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "file"


@pytest.mark.parametrize("data", [b"", b"x", os.urandom(1 << 20)])
def test_a_file_is_made(path: Path, data: bytes) -> None:
    atomic.write(str(path), data)
    assert path.read_bytes() == data
    assert path.stat().st_mode & 0o777 == 0o600
    assert os.listdir(path.parent) == ["file"]


def test_a_file_is_replaced_not_written_over(path: Path) -> None:
    path.write_bytes(b"old content")
    with path.open("rb") as reader:
        atomic.write(str(path), b"new")
        assert reader.read() == b"old content"
    assert path.read_bytes() == b"new"


def test_its_mode_may_be_chosen(path: Path) -> None:
    atomic.write(str(path), b"x", mode=0o640)
    assert path.stat().st_mode & 0o777 == 0o640


def test_what_an_earlier_attempt_left_does_no_harm(path: Path) -> None:
    Path(f"{path}.new").write_bytes(b"much longer than what comes")
    atomic.write(str(path), b"new")
    assert path.read_bytes() == b"new"
    assert os.listdir(path.parent) == ["file"]


@needs_root
def test_on_a_full_disk_the_old_content_stays_and_nothing_else() -> None:
    with small_disk() as disk:
        atomic.write(f"{disk}/file", b"old")
        fill(disk)
        with pytest.raises(OSError, match="No space left"):
            atomic.write(f"{disk}/file", b"n" * 5000)
        assert Path(disk, "file").read_bytes() == b"old"
        assert sorted(os.listdir(disk)) == ["file", "filler"]


def test_a_directory_in_its_place_is_an_error_and_nothing_is_left(path: Path) -> None:
    path.mkdir()
    with pytest.raises(IsADirectoryError):
        atomic.write(str(path), b"new")
    assert os.listdir(path.parent) == ["file"]


def test_a_missing_directory_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        atomic.write(str(tmp_path / "none/file"), b"new")


def test_a_symlink_in_place_of_the_temporary_file_is_not_followed(path: Path, tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.write_bytes(b"mine")
    os.symlink(target, f"{path}.new")
    with pytest.raises(OSError, match="symbolic links"):
        atomic.write(str(path), b"new")
    assert target.read_bytes() == b"mine"


def test_a_symlink_as_the_file_is_replaced_not_followed(path: Path, tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.write_bytes(b"mine")
    path.symlink_to(target)
    atomic.write(str(path), b"new")
    assert (target.read_bytes(), path.read_bytes(), path.is_symlink()) == (b"mine", b"new", False)
