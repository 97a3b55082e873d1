"""An update of a class of service, on directories that stand for resctrl and for a container's state."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from containerd_py.errors import InvalidArgument, NotSupported, Unavailable
from containerd_py.runtime.cgroups.cgroup import Cgroup
from containerd_py.runtime.sharing import share
from containerd_py.runtime.state import State, StateDirectory

ROOT: dict[str, Any] = {"path": "rootfs"}


@pytest.fixture
def resctrl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """As the kernel, it fills a directory that is made with files."""
    made = tmp_path / "resctrl"
    make = os.mkdir

    def make_class(path: str, mode: int = 0o777) -> None:
        make(path, mode)
        if str(path).startswith(f"{made}/"):
            Path(path, "tasks").touch()
            Path(path, "schemata").write_text("L3:0=fff\nMB:0=100\n")

    made.mkdir()
    monkeypatch.setattr(os, "mkdir", make_class)
    return made


@pytest.fixture
def box(tmp_path: Path) -> StateDirectory:
    directory = StateDirectory(str(tmp_path / "state"), "box")
    directory.make()
    return directory


def state_of(directory: StateDirectory, **linux: Any) -> State:
    namespaces = [{"type": "mount"}]
    document = {
        "ociVersion": "1.2.0",
        "root": ROOT,
        "process": {"args": ["x"]},
        "linux": {"namespaces": namespaces, **linux},
    }
    directory.put("config.json", json.dumps(document).encode())
    state = State("box", "running", 7, "/bundle", cgroup=Cgroup(None, ()))
    directory.write(state)
    return state


def kept(directory: StateDirectory) -> Any:
    return directory.config()["linux"].get("intelRdt")


def test_a_container_without_a_class_gets_its_own(resctrl: Path, box: StateDirectory) -> None:
    share(box, state_of(box), {"l3CacheSchema": "L3:0=f"}, str(resctrl))
    assert (resctrl / "box/schemata").read_text().startswith("L3:0=f\n")
    assert (resctrl / "box/tasks").read_text() == "7"
    assert kept(box) == {"l3CacheSchema": "L3:0=f"}
    assert box.read().kept["intel_rdt_path"] == f"{resctrl}/box"


def test_a_class_is_changed_where_it_is_asked(resctrl: Path, box: StateDirectory) -> None:
    os.mkdir(resctrl / "gold")
    state = state_of(box, intelRdt={"closID": "gold", "l3CacheSchema": "L3:0=f"})
    share(box, state, {"memBwSchema": "MB:0=20"}, str(resctrl))
    assert (resctrl / "gold/schemata").read_text().startswith("MB:0=20\n")
    assert (resctrl / "gold/tasks").read_text() == ""
    assert kept(box) == {"closID": "gold", "l3CacheSchema": "L3:0=f", "memBwSchema": "MB:0=20"}


def test_a_wrong_share_changes_nothing(resctrl: Path, box: StateDirectory) -> None:
    state = state_of(box)
    with pytest.raises(InvalidArgument, match=r"linux\.intelRdt\.l3CacheSchema: must start with 'L3:'"):
        share(box, state, {"l3CacheSchema": "MB:0=1"}, str(resctrl))
    assert (kept(box), list(resctrl.iterdir())) == (None, [])


def test_what_the_kernel_refuses_leaves_all_as_it_was(resctrl: Path, box: StateDirectory) -> None:
    state = state_of(box, intelRdt={"closID": "gold"})
    os.mkdir(resctrl / "gold")
    (resctrl / "gold/schemata").rename(resctrl / "gold/another")
    os.mkdir(resctrl / "gold/schemata")
    with pytest.raises(Unavailable, match="cannot share by class of service"):
        share(box, state, {"l3CacheSchema": "L3:0=f"}, str(resctrl))
    assert kept(box) == {"closID": "gold"}


def test_without_resctrl_it_is_refused(box: StateDirectory) -> None:
    with pytest.raises(NotSupported, match="resctrl is not mounted on this host"):
        share(box, state_of(box), {"l3CacheSchema": "L3:0=f"}, None)
    assert kept(box) is None
