"""The manager on directories that stand for hierarchies: same paths, same writes, no kernel."""

import errno
import os
from dataclasses import dataclass
from pathlib import Path

import pytest

from containerd_py.errors import Conflict, InvalidArgument, NotSupported, Unavailable
from containerd_py.runtime.cgroups import manager
from containerd_py.runtime.cgroups.layout import Layout
from containerd_py.runtime.cgroups.manager import Cgroup, CgroupManager, Placement
from containerd_py.runtime.cgroups.resources import DeviceRule, Resources

DENY = (DeviceRule(allow=False),)


@dataclass(frozen=True)
class Host:
    """Hierarchies below one folder. A directory has control files only where `prepare` puts them."""

    top: Path

    def layout(self, *v1: str, v2: tuple[str, ...] | None = ()) -> Layout:
        for name in (*v1, *(() if v2 is None else ("unified",))):
            (self.top / name).mkdir(exist_ok=True)
        unified = None if v2 is None else str(self.top / "unified")
        return Layout(unified, v2 or (), {name: str(self.top / name) for name in v1})

    def prepare(self, path: str, *names: str, procs: str = "") -> Path:
        directory = self.top / path
        directory.mkdir(parents=True, exist_ok=True)
        for name in names:
            (directory / name).touch()
        (directory / "cgroup.procs").write_text(procs)
        return directory

    def directories(self) -> list[str]:
        return sorted(str(path.relative_to(self.top)) for path in self.top.rglob("*") if path.is_dir())


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(tmp_path)


def test_a_cgroup_without_limits_is_made_in_v2_and_where_pids_are(host: Host) -> None:
    cgroup = CgroupManager(host.layout("pids", "devices")).create("/a/b", Resources())
    assert cgroup == Cgroup(str(host.top / "unified/a/b"), (str(host.top / "pids/a/b"),))
    assert cgroup.parents == (str(host.top / "unified/a"), str(host.top / "pids/a"))
    assert all(Path(path).is_dir() for path in cgroup.paths)
    assert not (host.top / "devices/a").exists()


@pytest.mark.parametrize(
    ("v1", "v2", "resources", "expected"),
    [
        (("pids",), None, Resources(), (None, ("pids",))),
        (("pids", "devices"), None, Resources(devices=DENY), (None, ("pids", "devices"))),
        (("devices",), (), Resources(pids_limit=1), ("unified", ())),
        ((), ("pids",), Resources(pids_limit=1), ("unified", ())),
    ],
)
def test_only_the_hierarchies_that_are_needed_are_used(
    host: Host,
    v1: tuple[str, ...],
    v2: tuple[str, ...] | None,
    resources: Resources,
    expected: tuple[str | None, tuple[str, ...]],
) -> None:
    unified, others = expected
    found = CgroupManager(host.layout(*v1, v2=v2)).locate("/c", resources)
    assert found.v2 == (unified and str(host.top / unified / "c"))
    assert found.v1 == tuple(str(host.top / name / "c") for name in others)


def test_a_hierarchy_with_two_controllers_is_used_once(host: Host) -> None:
    layout = Layout(None, (), {"pids": str(host.top), "devices": str(host.top)})
    assert CgroupManager(layout).locate("/c", Resources(devices=DENY)).v1 == (str(host.top / "c"),)


def test_limits_are_written_to_v1(host: Host) -> None:
    leaf = host.prepare("pids/a/c", "pids.max")
    (host.top / "devices").mkdir()
    devices = host.prepare("devices/a/c", "devices.allow", "devices.deny")
    resources = Resources(pids_limit=128, devices=DENY)
    CgroupManager(host.layout("pids", "devices")).create("/a/c", resources)
    assert (leaf / "pids.max").read_text() == "128"
    assert (devices / "devices.deny").read_text() == "a"
    assert (devices / "devices.allow").read_text() == "c 136:* rwm"  # the last write, upon the others


def test_limits_are_written_to_v2_and_the_controller_is_handed_down(host: Host) -> None:
    for path in ("unified", "unified/a"):
        host.prepare(path, "cgroup.subtree_control")
    (host.top / "unified/cgroup.subtree_control").write_text("cpu pids")
    leaf = host.prepare("unified/a/c", "pids.max")
    CgroupManager(host.layout(v2=("pids",))).create("/a/c", Resources(pids_limit=-1))
    assert (leaf / "pids.max").read_text() == "max"
    assert (host.top / "unified/cgroup.subtree_control").read_text() == "cpu pids"  # had it: nothing is written
    assert (host.top / "unified/a/cgroup.subtree_control").read_text() == "+pids"


def test_v1_comes_first_where_both_have_a_controller(host: Host) -> None:
    leaf = host.prepare("pids/c", "pids.max")
    CgroupManager(host.layout("pids", v2=("pids",))).create("/c", Resources(pids_limit=5))
    assert (leaf / "pids.max").read_text() == "5"


@pytest.mark.parametrize(
    ("v1", "v2", "resources", "told", "hint"),
    [
        ((), (), Resources(pids_limit=5), "cannot limit pids: this host has no cgroup controller 'pids'", None),
        (("cpu",), ("memory",), Resources(pids_limit=5), "cannot limit pids: ", None),
        ((), ("pids", "devices"), Resources(devices=DENY), "cannot limit devices: ", "device rules on cgroup v2"),
    ],
)
def test_a_limit_without_a_controller_is_refused_by_name(
    host: Host, v1: tuple[str, ...], v2: tuple[str, ...], resources: Resources, told: str, hint: str | None
) -> None:
    with pytest.raises(NotSupported) as caught:
        CgroupManager(host.layout(*v1, v2=v2)).create("/a/c", resources)
    assert caught.value.message.startswith(told)
    assert (caught.value.hint or "").startswith(hint or "")
    assert host.directories() == sorted({"unified", *v1})


@pytest.mark.parametrize("path", ["", "/", "//", "/a/../b", "..", "a/.."])
def test_a_path_that_is_none_is_refused(host: Host, path: str) -> None:
    with pytest.raises(InvalidArgument, match="not a path below the root"):
        CgroupManager(host.layout("pids")).create(path, Resources())
    assert host.directories() == ["pids", "unified"]


def test_a_failure_leaves_nothing(host: Host) -> None:
    """No control file stands in a plain directory: writing the limit fails after everything was made."""
    with pytest.raises(Unavailable, match="cannot make cgroup '/a/b/c': No such file or directory") as caught:
        CgroupManager(host.layout("pids")).create("/a/b/c", Resources(pids_limit=5))
    assert caught.value.errno == "ENOENT"
    assert host.directories() == ["pids", "unified"]


def test_a_failure_leaves_what_was_there(host: Host) -> None:
    host.prepare("pids/a/other")
    with pytest.raises(Unavailable):
        CgroupManager(host.layout("pids")).create("/a/c", Resources(pids_limit=5))
    assert host.directories() == ["pids", "pids/a", "pids/a/other", "unified"]


@pytest.mark.parametrize("where", ["pids/a", "pids/a/below/it", "unified/a", "unified/a/below"])
def test_a_cgroup_with_processes_is_not_taken_over(host: Host, where: str) -> None:
    """All that lives in it or below would be killed with the container."""
    host.prepare(where, procs="1\n")
    before = host.directories()
    with pytest.raises(Conflict, match="cannot make cgroup '/a': processes live in it"):
        CgroupManager(host.layout("pids")).create("/a", Resources())
    assert set(host.directories()) == {*before, "pids", "unified"}


def test_an_empty_one_is_taken_over(host: Host) -> None:
    host.prepare("pids/a")
    cgroup = CgroupManager(host.layout("pids")).create("/a", Resources())
    assert cgroup.parents == ()


def test_removing_takes_what_the_payload_made_below(host: Host) -> None:
    cgroup = CgroupManager(host.layout("pids")).create("/p/c", Resources())
    (host.top / "pids/p/c/x/y").mkdir(parents=True)
    (host.top / "unified/p/c/z").mkdir()
    assert manager.remove(cgroup)
    assert host.directories() == ["pids", "pids/p", "unified", "unified/p"]
    assert manager.remove(cgroup)  # a second time: nothing is there


def test_parents_go_with_the_last_one(host: Host) -> None:
    cgroups = CgroupManager(host.layout("pids"))
    first, second = cgroups.create("/p/q/1", Resources()), cgroups.create("/p/q/2", Resources())
    manager.remove(first)
    manager.remove_parents(first)
    assert (host.top / "pids/p/q/2").is_dir()
    manager.remove(second)
    manager.remove_parents(second)
    assert (host.top / "pids/p/q").is_dir()  # not made for the second one
    manager.remove_parents(first)
    assert host.directories() == ["pids", "unified"]


def test_a_parent_that_vanishes_is_made_again(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another process destroys the last container below it between our two calls of mkdir."""
    cgroups = CgroupManager(host.layout("pids"))
    vanish = [errno.ENOENT, errno.ENODEV]
    mkdir = os.mkdir

    def vanishing(path: str, mode: int = 0o777) -> None:
        if path.endswith("/p/c") and vanish:
            os.rmdir(os.path.dirname(path))
            raise OSError(vanish.pop(), "parent vanished")
        mkdir(path, mode)

    monkeypatch.setattr(os, "mkdir", vanishing)
    cgroup = cgroups.create("/p/c", Resources())
    assert not vanish
    assert all(Path(path).is_dir() for path in cgroup.paths)


def test_parents_that_vanish_for_ever_are_told(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(_path: str, _mode: int = 0) -> None:
        raise FileNotFoundError(errno.ENOENT, "no")

    layout = host.layout("pids")
    monkeypatch.setattr(os, "mkdir", never)
    with pytest.raises(Unavailable, match="vanished") as caught:
        CgroupManager(layout).create("/p/c", Resources())
    assert caught.value.errno == "EAGAIN"


@pytest.mark.parametrize(
    ("number", "hint"),
    [
        (errno.EBUSY, "a parent has processes of its own"),
        (errno.EROFS, "the cgroup file system is not writable"),
        (errno.EACCES, "the cgroup file system is not writable"),
        (errno.EPERM, "the cgroup file system is not writable"),
        (errno.ENOSPC, ""),
    ],
)
def test_a_refusal_says_what_to_do(host: Host, monkeypatch: pytest.MonkeyPatch, number: int, hint: str) -> None:
    def refuse(_path: str, _mode: int = 0) -> None:
        raise OSError(number, os.strerror(number))

    layout = host.layout("pids")
    monkeypatch.setattr(os, "mkdir", refuse)
    with pytest.raises(Unavailable) as caught:
        CgroupManager(layout).create("/p/c", Resources())
    assert caught.value.errno == errno.errorcode[number]
    assert (caught.value.hint or "").startswith(hint)


def test_a_busy_cgroup_is_told_after_the_deadline(host: Host) -> None:
    host.layout("pids")
    host.prepare("pids/c", "a file, so that it cannot be removed")
    with pytest.raises(Unavailable, match="still busy") as caught:
        manager.remove_wait(Cgroup(None, (str(host.top / "pids/c"),)), timeout_s=0.01)
    assert caught.value.errno == "EBUSY"


def test_processes_are_listed_with_those_below(host: Host) -> None:
    host.prepare("unified/c", procs="30\n4\n")
    host.prepare("unified/c/d", procs="5\n")
    assert manager.pids(Cgroup(str(host.top / "unified/c"), ("/nowhere",))) == (4, 5, 30)
    assert manager.pids(Cgroup(None, ())) == ()


def test_killing_is_one_write_where_the_kernel_can(host: Host) -> None:
    leaf = host.prepare("unified/c", "cgroup.kill")
    manager.kill(Cgroup(str(leaf), ()))
    assert (leaf / "cgroup.kill").read_text() == "1"


def test_a_placement_opens_what_a_process_enters_by(host: Host) -> None:
    unified, pids = host.prepare("unified/c"), host.prepare("pids/c", "tasks", "cgroup.procs")
    with Placement(Cgroup(str(unified), (str(pids),))) as placement:
        assert placement.directory is not None
        assert os.readlink(f"/proc/self/fd/{placement.directory.fileno()}") == str(unified)
        assert [os.readlink(f"/proc/self/fd/{fd.fileno()}") for fd in placement.tasks] == [str(pids / "tasks")]


def test_a_placement_that_fails_leaves_no_descriptor(host: Host) -> None:
    unified = host.prepare("unified/c")
    with pytest.raises(FileNotFoundError):
        Placement(Cgroup(str(unified), (str(host.top / "nowhere"),)))


def test_the_places_of_a_cgroup_of_unknown_resources(host: Host) -> None:
    cgroups = CgroupManager(host.layout("pids", "devices", "cpu"))
    assert cgroups.everywhere("/c") == Cgroup(
        str(host.top / "unified/c"), (str(host.top / "pids/c"), str(host.top / "devices/c"))
    )
    host.prepare("pids/p/a")
    host.prepare("unified/p/b", "cgroup.kill")
    assert cgroups.children("/p") == ("a", "b")
    (host.top / "devices/p").mkdir()
    cgroups.remove_empty("/p")
    assert not (host.top / "devices/p").exists()
    assert (host.top / "pids/p/a").is_dir()
