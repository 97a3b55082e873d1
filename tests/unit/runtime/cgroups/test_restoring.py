"""What is written again where a change of limits could not be made as a whole."""

from pathlib import Path

import pytest

from containerd_py.errors import InvalidArgument
from containerd_py.runtime.cgroups.resources import FileValue
from containerd_py.runtime.cgroups.restoring import Limit, put_back_if_it_fails, undo


@pytest.mark.parametrize(
    ("name", "text", "there", "expected"),
    [
        ("pids.max", "7", "max", "max"),
        ("memory.limit_in_bytes", "4096", "9223372036854771712", "9223372036854771712"),
        ("cpu.max", "5000 10000", "max 100000", "max 100000"),
        ("cpuset.cpus", "0", "", "\n"),
        ("memory.oom_control", "1", "oom_kill_disable 0\nunder_oom 0\noom_kill 3", "0"),
        (
            "io.max",
            "8:0 rbps=1",
            "8:0 rbps=5 wbps=max riops=max wiops=max\n8:16 rbps=9",
            "8:0 rbps=5 wbps=max riops=max wiops=max",
        ),
        ("io.max", "8:0 rbps=1", "", "8:0 rbps=max wbps=max riops=max wiops=max"),
        ("io.weight", "7", "default 100\n8:0 50", "default 100"),
        ("io.weight", "8:0 7", "default 100\n8:0 50", "8:0 50"),
        ("io.weight", "8:16 7", "default 100\n8:0 50", "8:16 default"),
        ("blkio.throttle.read_bps_device", "8:0 1", "8:0 77", "8:0 77"),
        ("blkio.throttle.read_bps_device", "8:0 1", "", "8:0 0"),
        ("rdma.max", "mlx hca_handle=1", "mlx hca_handle=2 hca_object=max", "mlx hca_handle=2 hca_object=max"),
        ("net_prio.ifpriomap", "lo 5", "lo 0\neth0 3", "lo 0"),
    ],
)
def test_what_was_there(name: str, text: str, there: str, expected: str) -> None:
    read = {name: there}.get
    assert undo(FileValue(name, text), read) == (FileValue(name, expected, waits=True),)


@pytest.mark.parametrize(
    ("listed", "expected"),
    [
        ("a *:* rwm", [("devices.allow", "a")]),
        ("", [("devices.deny", "a")]),
        ("c 1:3 rwm\nb *:* m", [("devices.deny", "a"), ("devices.allow", "c 1:3 rwm"), ("devices.allow", "b *:* m")]),
    ],
)
def test_device_rules(listed: str, expected: list[tuple[str, str]]) -> None:
    undone = undo(FileValue("devices.deny", "a"), {"devices.list": listed}.get)
    assert [(value.name, value.text) for value in undone] == expected


def _fail_after_writing(directory: Path) -> None:
    (directory / "pids.max").write_text("")
    (directory / "strange").write_text("c 3")
    raise InvalidArgument("cannot set it", hint="do otherwise")


def test_what_is_not_known_is_told(tmp_path: Path) -> None:
    (tmp_path / "strange").write_text("a 1\nb 2\n")
    (tmp_path / "pids.max").write_text("max\n")
    limits = (Limit(str(tmp_path), (FileValue("strange", "c 3"), FileValue("pids.max", "7")), ""),)
    with pytest.raises(InvalidArgument) as caught, put_back_if_it_fails(limits):
        _fail_after_writing(tmp_path)
    assert (tmp_path / "pids.max").read_text() == "max"
    assert caught.value.hint == "do otherwise; what was written before that stays: strange"


def test_what_could_be_made_stays(tmp_path: Path) -> None:
    (tmp_path / "pids.max").write_text("max\n")
    with put_back_if_it_fails((Limit(str(tmp_path), (FileValue("pids.max", "7"),), ""),)):
        (tmp_path / "pids.max").write_text("7")
    assert (tmp_path / "pids.max").read_text() == "7"
