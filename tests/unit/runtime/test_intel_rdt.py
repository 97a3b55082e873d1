"""Classes of service, on a directory that stands for resctrl: there the kernel makes the files, here the test does."""

from pathlib import Path
from typing import Any

import pytest

from containerd_py.errors import Conflict, ContainerdError, InvalidArgument, NotFound, NotSupported, Unavailable
from containerd_py.runtime import intel_rdt
from containerd_py.runtime.intel_rdt import RdtGroup, find_resctrl, join, make_group, remove, schemata
from containerd_py.runtime.spec.linux import IntelRdt


def model(**fields: Any) -> IntelRdt:
    return IntelRdt.parse(fields)


@pytest.fixture
def resctrl(tmp_path: Path) -> Path:
    """A resctrl with the root class and one that an administrator made."""
    for directory in (tmp_path, tmp_path / "gold"):
        (directory / "mon_groups").mkdir(parents=True)
        (directory / "tasks").touch()
        (directory / "schemata").write_text("    L3:0=00f0;1=7ff\n    MB:0= 20;1=100\n")
    return tmp_path


@pytest.mark.parametrize(
    ("fields", "lines"),
    [
        ({}, ()),
        ({"l3CacheSchema": "L3:0=f"}, ("L3:0=f",)),
        ({"memBwSchema": "MB:0=20"}, ("MB:0=20",)),
        ({"l3CacheSchema": "L3:0=f\nMB:0=70\n", "memBwSchema": "MB:0=20"}, ("L3:0=f", "MB:0=20")),
        ({"l3CacheSchema": "L3:0=f\nMB:0=70"}, ("L3:0=f", "MB:0=70")),
        ({"schemata": ["L2:0=f"], "l3CacheSchema": "L3:0=f"}, ("L3:0=f", "L2:0=f")),
    ],
)
def test_shares_are_written_in_the_order_of_the_specification(fields: dict[str, Any], lines: tuple[str, ...]) -> None:
    assert schemata(model(**fields)) == lines


def test_without_a_class_the_containers_id_names_one(resctrl: Path) -> None:
    group = make_group(str(resctrl), "box", model())
    assert group == RdtGroup(str(resctrl / "box"), None, (str(resctrl / "box"),))
    assert (resctrl / "box").is_dir()
    remove(group)
    remove(group)
    assert not (resctrl / "box").exists()


def test_a_class_that_is_there_is_taken_as_it_is(resctrl: Path) -> None:
    before = (resctrl / "gold/schemata").read_text()
    group = make_group(str(resctrl), "box", model(closID="gold"))
    join(group, 4422)
    assert (resctrl / "gold/tasks").read_text() == "4422"
    assert (resctrl / "gold/schemata").read_text() == before
    remove(group)
    assert (resctrl / "gold").is_dir()


def test_the_root_class(resctrl: Path) -> None:
    join(make_group(str(resctrl), "box", model(closID="/")), 5)
    assert (resctrl / "tasks").read_text() == "5"


@pytest.mark.parametrize(
    "share", [{"l3CacheSchema": "L3:0=f0;1=7FF"}, {"l3CacheSchema": "L3:1=7ff", "memBwSchema": "MB:0=20"}]
)
def test_a_class_that_shares_as_asked_is_taken(resctrl: Path, share: dict[str, str]) -> None:
    assert make_group(str(resctrl), "box", model(closID="gold", **share)).made == ()


@pytest.mark.parametrize("share", [{"l3CacheSchema": "L3:0=f"}, {"memBwSchema": "MB:0=30"}, {"l3CacheSchema": "L3:2=f"}])
def test_a_class_that_shares_otherwise_is_refused(resctrl: Path, share: dict[str, str]) -> None:
    with pytest.raises(InvalidArgument, match="it has another share than"):
        make_group(str(resctrl), "box", model(closID="gold", **share))
    assert (resctrl / "gold").is_dir()


def test_schemata_are_written_to_a_class_that_is_there(resctrl: Path) -> None:
    make_group(str(resctrl), "box", model(closID="gold", schemata=["L3:0=1", "L2:0=f"]))
    assert (resctrl / "gold/schemata").read_text().startswith("L3:0=1\nL2:0=f\n")


def test_a_monitoring_group_is_the_containers_own(resctrl: Path) -> None:
    group = make_group(str(resctrl), "box", model(closID="gold", enableMonitoring=True))
    assert group.made == (str(resctrl / "gold/mon_groups/box"),)
    (resctrl / "gold/mon_groups/box/tasks").touch()
    join(group, 7)
    assert (resctrl / "gold/mon_groups/box/tasks").read_text() == (resctrl / "gold/tasks").read_text() == "7"


@pytest.mark.parametrize("field", ["enableCMT", "enableMBM"])
def test_older_documents_ask_for_monitoring_by_other_names(resctrl: Path, field: str) -> None:
    assert make_group(str(resctrl), "box", model(closID="gold", **{field: True})).monitoring is not None


def test_a_class_without_a_share_must_be_there(resctrl: Path) -> None:
    with pytest.raises(NotFound, match=r"linux\.intelRdt\.closID 'silver'"):
        make_group(str(resctrl), "box", model(closID="silver"))
    assert not (resctrl / "silver").exists()


@pytest.mark.parametrize("fields", [{"l3CacheSchema": "L3:0=f"}, {"enableMonitoring": True}])
def test_what_cannot_be_shared_leaves_no_class(resctrl: Path, fields: dict[str, Any]) -> None:
    """A new directory has no files here, as where the processor lacks what is asked for."""
    with pytest.raises(NotSupported, match="class of service"):
        make_group(str(resctrl), "box", model(**fields))
    assert not (resctrl / "box").exists()


def test_the_class_of_another_container_is_left_alone(resctrl: Path) -> None:
    (resctrl / "box").mkdir()
    with pytest.raises(Conflict):
        make_group(str(resctrl), "box", model())
    assert (resctrl / "box").is_dir()


@pytest.mark.parametrize(("number", "kind"), [(22, InvalidArgument), (28, Unavailable), (2, NotSupported)])
def test_what_the_kernel_refuses_is_told(number: int, kind: type[ContainerdError]) -> None:
    assert type(intel_rdt._error("cannot make it", OSError(number, "text"))) is kind


def test_without_resctrl_it_is_not_supported() -> None:
    with pytest.raises(NotSupported, match=r"^cannot use linux\.intelRdt: resctrl is not mounted on this host$"):
        make_group(None, "box", model())


def test_where_resctrl_is_mounted() -> None:
    """As the mount table of this machine has it."""
    mounts = [line.split() for line in Path("/proc/self/mounts").read_text().splitlines()]
    assert find_resctrl() == next((place for _source, place, kind, *_rest in mounts if kind == "resctrl"), None)
