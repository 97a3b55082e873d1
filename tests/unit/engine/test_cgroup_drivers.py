"""Who makes cgroups: as the settings say, and as the host can."""

from types import SimpleNamespace
from typing import Any, cast

import pytest

from containerd_py.engine import cgroup_drivers
from containerd_py.engine.cgroup_drivers import CgroupDrivers, CgroupfsDriver, Choice
from containerd_py.errors import ContainerdError, InvalidArgument, NotSupported, Unavailable
from containerd_py.runtime.cgroups.cgroup import Cgroup
from containerd_py.runtime.cgroups.layout import Layout

LAYOUT = Layout("/sys/fs/cgroup", ("cpu", "memory", "pids"), {})


class Systemd:
    """Reached, and asked for a slice, or not there."""

    def __init__(self, problem: ContainerdError | None = None) -> None:
        self.problem = problem
        self.slices: list[str] = []

    async def reach(self, slice_name: str) -> Any:
        self.slices.append(slice_name)
        if self.problem is not None:
            raise self.problem
        return self


def drivers(
    choice: Choice, systemd: Systemd, *, parent: str = "/pycontainerd-12", layout: Layout = LAYOUT
) -> CgroupDrivers:
    return CgroupDrivers(choice, CgroupfsDriver(cast("Any", None), layout, parent), layout, systemd.reach)


@pytest.fixture(autouse=True)
def booted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cgroup_drivers, "_booted", lambda: True)


async def test_cgroupfs_asks_nobody() -> None:
    systemd = Systemd()
    made = drivers("cgroupfs", systemd)
    await made.choose()
    assert (made.current.name, systemd.slices) == ("cgroupfs-v2", [])


@pytest.mark.parametrize("choice", ["auto", "systemd"])
@pytest.mark.parametrize(
    ("parent", "slice_name"),
    [
        ("/pycontainerd-12", "pycontainerd-12.slice"),
        ("/machine.slice/pycontainerd-12", "machine-pycontainerd-12.slice"),
        ("/a-b.slice/pycontainerd-12", "a-b-pycontainerd-12.slice"),
    ],
)
async def test_systemd_is_asked_for_a_slice_of_our_own(choice: Choice, parent: str, slice_name: str) -> None:
    systemd = Systemd()
    made = drivers(choice, systemd, parent=parent)
    await made.choose()
    assert (cast("Any", made.current), systemd.slices) == (systemd, [slice_name])
    assert cast("Any", made.all[1:]) == (systemd,)


async def test_auto_goes_on_without_systemd() -> None:
    made = drivers("auto", Systemd(Unavailable("cannot reach systemd: gone")))
    await made.choose()
    assert made.current.name == "cgroupfs-v2"


async def test_auto_does_not_ask_on_a_host_without_systemd(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cgroup_drivers, "_booted", lambda: False)
    systemd = Systemd()
    made = drivers("auto", systemd)
    await made.choose()
    assert (made.current.name, systemd.slices) == ("cgroupfs-v2", [])


@pytest.mark.parametrize("parent", ["/a/pycontainerd-12", "/a.slice/b.slice/pycontainerd-12"])
async def test_a_parent_that_is_no_slice(parent: str) -> None:
    made = drivers("auto", Systemd(), parent=parent)
    await made.choose()
    assert made.current.name == "cgroupfs-v2"
    with pytest.raises(InvalidArgument, match="is no slice"):
        await drivers("systemd", Systemd(), parent=parent).choose()


async def test_systemd_that_is_asked_for_must_be_there() -> None:
    with pytest.raises(Unavailable, match="gone"):
        await drivers("systemd", Systemd(Unavailable("cannot reach systemd: gone"))).choose()
    with pytest.raises(NotSupported, match="no cgroup v2"):
        await drivers("systemd", Systemd(), layout=Layout(None, (), {"pids": "/sys/fs/cgroup/pids"})).choose()


async def test_each_cgroup_is_changed_by_who_made_it() -> None:
    systemd = Systemd()
    made = drivers("systemd", systemd)
    await made.choose()
    ours, scope = Cgroup("/sys/fs/cgroup/x", ()), Cgroup("/sys/fs/cgroup/x.scope", (), scope="x.scope")
    assert made.of(ours).name == "cgroupfs-v2"
    assert cast("Any", made.of(scope)) is systemd
    with pytest.raises(NotSupported, match=r"x\.scope"):
        drivers("cgroupfs", systemd).of(scope)


def test_properties_of_a_unit_are_refused_where_there_is_none() -> None:
    """Before anything is asked of cgroups."""
    driver = CgroupfsDriver(cast("Any", None), LAYOUT, "/pycontainerd-12")
    spec = SimpleNamespace(annotations={"org.systemd.property.KillSignal": "2"})
    with pytest.raises(NotSupported, match=r"annotations\.org\.systemd\.property\.KillSignal"):
        driver.check(cast("Any", spec))
