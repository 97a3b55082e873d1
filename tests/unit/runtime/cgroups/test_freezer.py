"""Freezing and killing on directories that stand for hierarchies: what is written, and what is left behind."""

from contextlib import suppress
from pathlib import Path

import pytest

from containerd_py.errors import NotSupported, Unavailable
from containerd_py.runtime.cgroups import files, freezer, killing
from containerd_py.runtime.cgroups.cgroup import Cgroup
from containerd_py.runtime.cgroups.oom import OomWatch, oom_kills

STOPPED = "populated 1\nfrozen 1\n"
RUNNING = "populated 1\nfrozen 0\n"


@pytest.fixture
def v2(tmp_path: Path) -> Path:
    (tmp_path / "v2").mkdir()
    (tmp_path / "v2/cgroup.freeze").write_text("0")
    (tmp_path / "v2/cgroup.events").write_text(STOPPED)
    return tmp_path / "v2"


@pytest.fixture
def v1(tmp_path: Path) -> Path:
    (tmp_path / "v1").mkdir()
    (tmp_path / "v1/freezer.state").write_text("THAWED")
    (tmp_path / "v1/freezer.self_freezing").write_text("0")
    return tmp_path / "v1"


def test_v2_comes_first(v2: Path, v1: Path) -> None:
    freezer.freeze(Cgroup(str(v2), (str(v1),)))
    assert (v2 / "cgroup.freeze").read_text() == "1"
    assert (v1 / "freezer.state").read_text() == "THAWED"
    assert freezer.is_frozen(Cgroup(str(v2), (str(v1),)))


def test_what_does_not_stop_in_time_goes_on(v2: Path) -> None:
    (v2 / "cgroup.events").write_text(RUNNING)
    with pytest.raises(Unavailable, match=r"a process did not stop within 0\.01 s") as caught:
        freezer.freeze(Cgroup(str(v2), ()), timeout_s=0.01)
    assert caught.value.step == "freeze"
    assert (v2 / "cgroup.freeze").read_text() == "0"


@pytest.fixture
def freezing(v1: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A freezer of v1 that stays FREEZING as long as it is not asked three times; return what is written."""
    written: list[str] = []

    def write(path: str, text: str) -> None:
        written.append(text)
        state = "FREEZING" if text == "FROZEN" and written.count("FROZEN") < 3 else text
        Path(path).write_text(state)

    monkeypatch.setattr(files, "write", write)
    return written


def test_v1_is_asked_again(v1: Path, freezing: list[str]) -> None:
    freezer.freeze(Cgroup(None, (str(v1),)))
    assert freezing == ["FROZEN"] * 3


def test_v1_that_stays_freezing_is_thawed(v1: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write = files.write
    monkeypatch.setattr(files, "write", lambda path, text: write(path, text.replace("FROZEN", "FREEZING")))
    with pytest.raises(Unavailable):
        freezer.freeze(Cgroup(None, (str(v1),)), timeout_s=0.2)
    assert (v1 / "freezer.state").read_text() == "THAWEDNG"  # written over "FREEZING", as a file keeps the rest


def test_without_a_freezer(tmp_path: Path) -> None:
    for cgroup in (Cgroup(None, ()), Cgroup(None, (str(tmp_path),))):
        with pytest.raises(NotSupported, match="neither cgroup v2 nor the freezer of v1"):
            freezer.freeze(cgroup)
        assert not freezer.is_frozen(cgroup)
        freezer.thaw(cgroup)
        with freezer.stopped(cgroup):
            pass


def test_stopping_for_a_while(v2: Path) -> None:
    cgroup = Cgroup(str(v2), ())
    with suppress(KeyError), freezer.stopped(cgroup):
        assert (v2 / "cgroup.freeze").read_text() == "1"
        raise KeyError
    assert (v2 / "cgroup.freeze").read_text() == "0"


def test_what_is_paused_stays_paused(v2: Path) -> None:
    (v2 / "cgroup.freeze").write_text("1")
    with freezer.stopped(Cgroup(str(v2), ())):
        pass
    assert (v2 / "cgroup.freeze").read_text() == "1"


def test_killing_leaves_nothing_frozen(v2: Path, v1: Path) -> None:
    (v2 / "cgroup.kill").touch()
    (v1 / "freezer.state").write_text("FROZEN")
    killing.kill(Cgroup(str(v2), (str(v1),)))
    assert (v2 / "cgroup.kill").read_text() == "1"
    assert (v1 / "freezer.state").read_text().startswith("THAWED")


def test_a_watch_without_memory_controller_never_wakes() -> None:
    with OomWatch(Cgroup(None, ())) as watch:
        assert watch.killed() == 0
    assert oom_kills(Cgroup(None, ())) == 0


def test_kills_of_v1_are_summed_over_the_cgroups_below(tmp_path: Path) -> None:
    """memory.oom_control counts those of its own cgroup only."""
    (tmp_path / "below").mkdir()
    (tmp_path / "memory.oom_control").write_text("oom_kill_disable 0\nunder_oom 0\noom_kill 1\n")
    (tmp_path / "below/memory.oom_control").write_text("oom_kill 2\n")
    assert oom_kills(Cgroup(None, (str(tmp_path),))) == 3


def test_kills_of_v2(tmp_path: Path) -> None:
    (tmp_path / "memory.events").write_text("oom 4\noom_kill 3\n")
    assert oom_kills(Cgroup(str(tmp_path), ())) == 3
