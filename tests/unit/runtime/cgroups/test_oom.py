"""Being told that memory ran out where the cgroup is gone before its counter can be read, as systemd's scopes are."""

import shutil
from pathlib import Path

import pytest

from containerd_py.runtime.cgroups.cgroup import Cgroup
from containerd_py.runtime.cgroups.oom import OomWatch
from containerd_py.runtime.linux.inotify import masks


class Slice:
    """Directories as in cgroup v2, whose counters are files of ours."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.count(".", 5)  # of those that are gone
        self.count("sibling.scope", 0)
        self.count("own.scope", 0)

    def count(self, name: str, kills: int) -> None:
        (self._folder / name).mkdir(exist_ok=True)
        (self._folder / name / "memory.events").write_text(f"low 0\nmax 1\noom 1\noom_kill {kills}\n")

    def remove(self, name: str) -> None:
        shutil.rmtree(self._folder / name)

    def watch(self) -> OomWatch:
        return OomWatch(Cgroup(str(self._folder / "own.scope"), ()))


@pytest.fixture
def slices(tmp_path: Path) -> Slice:
    return Slice(tmp_path)


def test_kills_are_counted(slices: Slice) -> None:
    with slices.watch() as watch:
        assert watch.killed() == 0
        slices.count("own.scope", 2)
        assert watch.killed() == 2


def test_kills_of_one_that_is_gone_are_above(slices: Slice) -> None:
    with slices.watch() as watch:
        slices.count("own.scope", 1)
        slices.count(".", 6)
        slices.remove("own.scope")
        assert (watch.killed(), watch.killed()) == (1, 1)


def test_those_of_others_are_not_its_own(slices: Slice) -> None:
    with slices.watch() as watch:
        slices.count("own.scope", 0)  # memory was short
        slices.count("sibling.scope", 3)
        slices.count(".", 8)
        slices.remove("own.scope")
        assert watch.killed() == 0


def test_one_that_has_told_nothing_was_not_short_of_memory(slices: Slice) -> None:
    with slices.watch() as watch:
        slices.count(".", 9)  # of one that came and went meanwhile
        slices.remove("own.scope")
        assert watch.killed() == 0


def test_without_anything_above(slices: Slice, tmp_path: Path) -> None:
    with slices.watch() as watch:
        slices.count("own.scope", 1)
        shutil.rmtree(tmp_path)
        assert watch.killed() == 0


def test_events_that_are_cut_off_are_none() -> None:
    assert masks(b"") == masks(bytes(15)) == []
    assert masks(b"\1\0\0\0\2\0\0\0\0\0\0\0\4\0\0\0name" + b"\1\0\0\0\0\x80\0\0" + bytes(8)) == [2, 0x8000]
