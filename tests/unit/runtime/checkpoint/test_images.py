"""The directories of a checkpoint, and what is kept there beside CRIU's files."""

import json
import os
from pathlib import Path

import pytest

from containerd_py.errors import InvalidArgument
from containerd_py.runtime.checkpoint import images
from containerd_py.runtime.linux.fd import Fd


def directory(path: Path) -> Fd:
    return Fd(os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC))


def test_they_are_made_for_a_checkpoint_alone(tmp_path: Path) -> None:
    place, work = tmp_path / "a/images", tmp_path / "b/work"
    refused = pytest.raises(InvalidArgument, match=r"cannot use .* for the images of the checkpoint: No such file")
    with refused, images.opened(str(place), str(work), "a.log", make=False):
        pass
    with images.opened(str(place), str(work), "a.log", make=True) as (_images, _work, log_path):
        assert log_path == str(work)
    with images.opened(str(place), None, "a.log", make=False) as (opened, logs, log_path):
        assert log_path == str(place)
        assert logs is opened
    assert place.stat().st_mode & 0o777 == 0o700


def test_a_log_of_an_earlier_time_is_removed(tmp_path: Path) -> None:
    """It would be quoted where CRIU's configuration has it log elsewhere."""
    for place, others in ((tmp_path / "images", None), (tmp_path / "work", tmp_path / "images")):
        place.mkdir()
        (place / "a.log").write_text("Error (x): of then")
        with images.opened(str(others or place), str(place) if others else None, "a.log", make=False) as (_images, logs, _):
            assert images.errors_in(logs, "a.log") == ""
        assert not (place / "a.log").exists()


def test_streams_are_kept_as_runc_does(tmp_path: Path) -> None:
    with directory(tmp_path) as place:
        images.write_streams(place, ["file[18:3]", "pipe:[1]", "pipe:[1]"])
        assert images.read_streams(place, "x") == ("file[18:3]", "pipe:[1]", "pipe:[1]")
    assert json.loads((tmp_path / "descriptors.json").read_text()) == ["file[18:3]", "pipe:[1]", "pipe:[1]"]


@pytest.mark.parametrize("text", ["", "{}", "[1]", "[" * 100_000, "\udcff"])
def test_streams_of_a_stranger(tmp_path: Path, text: str) -> None:
    (tmp_path / "descriptors.json").write_bytes(text.encode(errors="surrogateescape"))
    with directory(tmp_path) as place, pytest.raises(InvalidArgument, match=r"cannot restore from 'x'.*descriptors.json"):
        images.read_streams(place, "x")


def test_a_fifo_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "descriptors.json")
    with directory(tmp_path) as place, pytest.raises(InvalidArgument, match="cannot restore"):
        images.read_streams(place, "x")


@pytest.mark.parametrize(("parent", "about"), [("/tmp", "it must be relative"), ("../none", "is no directory")])
def test_parents(tmp_path: Path, parent: str, about: str) -> None:
    with pytest.raises(InvalidArgument, match=about):
        images.check_parent(str(tmp_path / "images"), parent)
    (tmp_path / "first").mkdir()
    images.check_parent(str(tmp_path / "first"), "../first")


def test_an_error_shows_what_criu_said(tmp_path: Path) -> None:
    (tmp_path / "dump.log").write_text(
        "(00.1) Error (criu/util.c:1533): rlimit: Can't setup RLIMIT_NOFILE\n"
        "(00.2) Warn  (criu/x.c:1): nothing\n"
        "(00.3)      1: Error (criu/files.c:1790): Can't lookup mount=24\n"
        "(00.3)      1: Error (criu/files.c:1790): Can't lookup mount=24\n"
        "(00.4) Error (criu/cr-dump.c:2): Dumping FAILED.\n"
        "(00.5) Error (criu/a.c:2): a\n(00.5) Error (criu/a.c:2): b\n"
    )
    with directory(tmp_path) as place:
        assert images.errors_in(place, "dump.log") == "Can't lookup mount=24; Dumping FAILED.; a"
        assert images.errors_in(place, "none.log") == ""


def test_a_log_that_is_a_fifo_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "restore.log")
    with directory(tmp_path) as place:
        assert images.errors_in(place, "restore.log") == ""
