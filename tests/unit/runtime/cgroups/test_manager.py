"""The manager on directories that stand for hierarchies: same paths, same writes, no kernel."""

import errno
import os
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from containerd_py.errors import Conflict, ContainerdError, InvalidArgument, NotFound, NotSupported, Unavailable
from containerd_py.light.dataclasses import replace
from containerd_py.runtime.cgroups import manager
from containerd_py.runtime.cgroups.layout import Layout
from containerd_py.runtime.cgroups.manager import Cgroup, CgroupManager, Placement
from containerd_py.runtime.cgroups.places import parse_sub
from containerd_py.runtime.cgroups.resources import Cpu, Cpuset, DeviceRule, Memory, Resources

DENY = (DeviceRule(allow=False),)
HIGH = Resources(unified=(("memory.high", "4096"),))


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


def test_no_limit_of_tasks_needs_no_controller(host: Host) -> None:
    host.prepare("unified/c")
    CgroupManager(host.layout(v2=())).create("/c", Resources(pids_limit=-1))


@pytest.mark.parametrize(
    ("v1", "v2", "resources", "told", "hint"),
    [
        ((), (), Resources(pids_limit=5), "cannot limit pids: this host has no cgroup controller 'pids'", None),
        (("cpu",), ("memory",), Resources(pids_limit=5), "cannot limit pids: ", None),
        (("cpuset",), ("cpu",), Resources(memory=Memory(limit=1)), "cannot limit memory: ", None),
        ((), ("io",), Resources(net_class=1), "cannot limit net_cls: ", None),
        (
            ("memory",),
            ("io",),
            HIGH,
            "cannot set linux.resources.unified: invalid configuration: 'memory' is bound to cgroup v1 on this host",
            None,
        ),
        (
            (),
            ("io",),
            HIGH,
            "cannot set linux.resources.unified: invalid configuration: 'memory' is not in cgroup v2 on this host",
            None,
        ),
        (
            ("memory",),
            None,
            HIGH,
            "cannot set linux.resources.unified: invalid configuration: this host has no cgroup v2",
            None,
        ),
    ],
)
def test_a_limit_without_a_controller_is_refused_by_name(
    host: Host, v1: tuple[str, ...], v2: tuple[str, ...] | None, resources: Resources, told: str, hint: str | None
) -> None:
    with pytest.raises(NotSupported) as caught:
        CgroupManager(host.layout(*v1, v2=v2)).create("/a/c", resources)
    assert caught.value.message.startswith(told)
    assert (caught.value.hint or "").startswith(hint or "")
    with pytest.raises(NotSupported, match=r"linux\.resources\."):
        CgroupManager(host.layout(*v1, v2=v2)).check(resources)
    assert host.directories() == sorted({*v1, *(() if v2 is None else ("unified",))})


@pytest.mark.parametrize("path", ["", "/", "//", "/a/../b", "..", "a/.."])
def test_a_path_that_is_none_is_refused(host: Host, path: str) -> None:
    with pytest.raises(InvalidArgument, match="not a path below the root"):
        CgroupManager(host.layout("pids")).create(path, Resources())
    assert host.directories() == ["pids", "unified"]


def test_a_failure_leaves_nothing(host: Host) -> None:
    """No control file stands in a plain directory: writing the limit fails after everything was made."""
    with pytest.raises(
        NotSupported, match=r"^cannot set pids\.max to '5': the pids controller .* \(linux\.resources\.pids\)$"
    ) as caught:
        CgroupManager(host.layout("pids")).create("/a/b/c", Resources(pids_limit=5))
    assert caught.value.errno == "ENOENT"
    assert host.directories() == ["pids", "unified"]


def test_a_failure_leaves_what_was_there(host: Host) -> None:
    host.prepare("pids/a/other")
    with pytest.raises(NotSupported):
        CgroupManager(host.layout("pids")).create("/a/c", Resources(pids_limit=5))
    assert host.directories() == ["pids", "pids/a", "pids/a/other", "unified"]


@pytest.mark.parametrize("where", ["pids/a", "pids/a/below/it", "unified/a", "unified/a/below"])
def test_a_cgroup_with_processes_is_not_taken_over(host: Host, where: str) -> None:
    """All that lives in it or below would be killed with the container."""
    host.prepare(where, procs="1\n")
    before = host.directories()
    with pytest.raises(Conflict, match="cannot make cgroup '/a': container's cgroup is not empty"):
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


def test_what_was_let_go_of_while_the_last_attempt_took_too_long_is_removed(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a busy machine one rmdir may wait for longer than all may take."""
    host.layout("pids")
    place, rmdir = host.top / "pids/c", os.rmdir
    place.mkdir(parents=True)
    attempts = iter([OSError(errno.EBUSY, "busy"), None])

    def slow(path: str) -> None:
        refused = next(attempts, None)
        if refused is not None:
            time.sleep(0.05)
            raise refused
        rmdir(path)

    monkeypatch.setattr(os, "rmdir", slow)
    manager.remove_wait(Cgroup(None, (str(place),)), timeout_s=0.01)
    assert not place.exists()


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
        str(host.top / "unified/c"), tuple(str(host.top / name / "c") for name in ("pids", "cpu", "devices"))
    )
    host.prepare("pids/p/a")
    host.prepare("unified/p/b", "cgroup.kill")
    assert cgroups.children("/p") == ("a", "b")
    (host.top / "devices/p").mkdir()
    cgroups.remove_empty("/p")
    assert not (host.top / "devices/p").exists()
    assert (host.top / "pids/p/a").is_dir()


# ── which hierarchies, and where in them ────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("v1", "v2", "resources", "expected"),
    [
        (("pids", "memory", "freezer", "cpuacct", "cpu", "devices"), (), Resources(), ("pids", "memory")),
        (("pids", "memory", "freezer", "cpuacct", "cpu"), None, Resources(), ("pids", "memory", "freezer", "cpuacct")),
        (("pids", "memory", "cpu"), (), Resources(cpu=Cpu(shares=2)), ("pids", "memory", "cpu")),
        (("freezer",), (), Resources(), ()),
    ],
)
def test_hierarchies_that_are_joined(
    host: Host, v1: tuple[str, ...], v2: tuple[str, ...] | None, resources: Resources, expected: tuple[str, ...]
) -> None:
    found = CgroupManager(host.layout(*v1, v2=v2), privileged=True).locate("/c", resources)
    assert found.v1 == tuple(str(host.top / name / "c") for name in expected)


def test_an_ordinary_user_joins_what_a_limit_needs(host: Host) -> None:
    cgroups = CgroupManager(host.layout("pids", "memory"), privileged=False)
    assert cgroups.locate("/c", Resources()).v1 == ()
    assert cgroups.locate("/c", Resources(pids_limit=1)).v1 == (str(host.top / "pids/c"),)


def test_device_rules_are_for_the_host_s_root(host: Host) -> None:
    """A worker joins as many cgroups as were located: what is not enforced must not be counted."""
    asked, layout = Resources(devices=DENY), host.layout("devices")
    assert CgroupManager(layout, privileged=True).locate("/c", asked).v1 == (str(host.top / "devices/c"),)
    assert CgroupManager(layout, privileged=False).locate("/c", asked).v1 == ()


@pytest.mark.parametrize(
    ("path", "v1", "v2"),
    [
        ("/a/b", "pids/a/b", "unified/a/b"),
        ("//a/./b/", "pids/a/b", "unified/a/b"),
        ("a/b", "pids/own/v1/a/b", "unified/own/a/b"),
    ],
)
def test_a_relative_path_is_relative_to_our_own_cgroup(host: Host, path: str, v1: str, v2: str) -> None:
    """On v2 to its parent: a cgroup with processes can have none with controllers below (opencontainers/cgroups, fs2)."""
    layout = host.layout("pids")
    own = {
        str(host.top / "pids"): str(host.top / "pids/own/v1"),
        str(host.top / "unified"): str(host.top / "unified/own/v2"),
    }
    found = CgroupManager(replace(layout, own=own)).locate(path, Resources())
    assert found == Cgroup(str(host.top / v2), (str(host.top / v1),))


def test_a_relative_path_of_a_process_at_the_root(host: Host) -> None:
    layout = host.layout("pids")
    own = {str(host.top / name): str(host.top / name) for name in ("pids", "unified")}
    found = CgroupManager(replace(layout, own=own)).locate("a", Resources())
    assert found == Cgroup(str(host.top / "unified/a"), (str(host.top / "pids/a"),))


def test_cpusets_are_inherited_on_the_way_down(host: Host) -> None:
    for path, lists in (("cpuset", "0-1"), ("cpuset/p", ""), ("cpuset/p/c", "")):
        directory = host.prepare(path)
        (directory / "cpuset.cpus").write_text(lists)
        (directory / "cpuset.mems").write_text(lists)
    CgroupManager(host.layout("cpuset")).create("/p/c", Resources(cpuset=Cpuset(cpus="1")))
    assert (host.top / "cpuset/p/cpuset.cpus").read_text() == "0-1"
    assert (host.top / "cpuset/p/c/cpuset.mems").read_text() == "0-1"
    assert (host.top / "cpuset/p/c/cpuset.cpus").read_text() == "1-1"  # written over "0-1", as a file keeps the rest


def test_controllers_are_handed_down_for_their_figures(host: Host) -> None:
    for path in ("unified", "unified/p"):
        host.prepare(path, "cgroup.subtree_control")
    CgroupManager(host.layout(v2=("cpu", "memory", "hugetlb"))).create("/p/c", Resources())
    assert (host.top / "unified/cgroup.subtree_control").read_text() == "+memory"  # the last write


def test_a_sub_cgroup(host: Host) -> None:
    cgroups = CgroupManager(host.layout("pids", "memory"))
    cgroup = cgroups.create("/c", Resources())
    for path in ("unified/c/all", "pids/c/all", "memory/c/one/two"):
        (host.top / path).mkdir(parents=True)
    assert cgroups.sub_cgroup(cgroup, {"": "all", "memory": "/one/two/"}) == Cgroup(
        str(host.top / "unified/c/all"), (str(host.top / "pids/c/all"), str(host.top / "memory/c/one/two"))
    )
    assert cgroups.sub_cgroup(cgroup, {}) == cgroup


@pytest.mark.parametrize(
    ("text", "expected"),
    [("a/b", {"": "a/b"}), ("cpu:a", {"cpu": "a"}), ("cpu,memory:/a", {"cpu": "/a", "memory": "/a"}), (":a", None)]
    + [(text, None) for text in ("", "/", "cpu:", "cpu,:a")],
)
def test_the_name_of_a_sub_cgroup(text: str, expected: dict[str, str] | None) -> None:
    if expected is not None:
        assert parse_sub(text) == expected
        return
    with pytest.raises(InvalidArgument, match="not of the form"):
        parse_sub(text)


def test_the_cgroup_of_a_process(host: Host) -> None:
    """Ours is not the container's: then the container's own is meant."""
    cgroups = CgroupManager(host.layout("pids"))
    cgroup = cgroups.create("/c", Resources())
    assert cgroups.of_process(cgroup, os.getpid()) == cgroup
    assert cgroups.of_process(Cgroup(None, ()), os.getpid()) == Cgroup(None, ())


@pytest.mark.parametrize(
    ("subs", "kind", "told"),
    [
        ({"": "nowhere"}, NotFound, "no such file or directory"),
        ({"": "a/../.."}, InvalidArgument, "bad sub cgroup path"),
        (
            {"cpu": "a"},
            InvalidArgument,
            "cannot use controller 'cpu': unknown controller here: ",
        ),
    ],
)
def test_a_sub_cgroup_that_is_none(host: Host, subs: dict[str, str], kind: type[ContainerdError], told: str) -> None:
    cgroups = CgroupManager(host.layout("pids", "cpu"))
    with pytest.raises(kind, match=told):
        cgroups.sub_cgroup(cgroups.create("/c", Resources()), subs)


# ── changing limits ─────────────────────────────────────────────────────────────────────────────────────────────────


def test_an_update_writes_what_is_asked_and_no_more(host: Host) -> None:
    cgroups = CgroupManager(host.layout("pids", "memory"))
    leaf = host.prepare("pids/c", "pids.max")
    cgroup = cgroups.create("/c", Resources(pids_limit=5))
    assert cgroups.update(cgroup, Resources(pids_limit=9)) == cgroup
    assert (leaf / "pids.max").read_text() == "9"


def test_an_update_joins_a_hierarchy_where_that_is_new(host: Host) -> None:
    cgroups = CgroupManager(host.layout("pids", "cpu"))
    cgroup = cgroups.create("/p/c", Resources())
    host.prepare("cpu/p/c", "cpu.shares")
    assert cgroups.update(cgroup, Resources(cpu=Cpu(shares=512))).v1 == (*cgroup.v1, str(host.top / "cpu/p/c"))
    assert (host.top / "cpu/p/c/cpu.shares").read_text() == "512"


def test_an_update_that_fails_leaves_no_directory(host: Host) -> None:
    cgroups = CgroupManager(host.layout("pids", "cpu"))
    cgroup = cgroups.create("/p/c", Resources())
    with pytest.raises(NotSupported, match=r"cpu\.idle"):
        cgroups.update(cgroup, Resources(cpu=Cpu(idle=1)))
    assert not (host.top / "cpu/p").exists()


# ── without privilege ───────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def read_only(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_path: str, _mode: int = 0) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(os, "mkdir", refuse)


@pytest.mark.parametrize("rules", [(), DENY])
def test_who_may_make_none_and_asks_for_no_limit_has_none(
    host: Host, request: pytest.FixtureRequest, rules: tuple[DeviceRule, ...]
) -> None:
    cgroups = CgroupManager(host.layout("pids"), privileged=False)
    request.getfixturevalue("read_only")
    cgroup = cgroups.create("pycontainerd/c", Resources(devices=rules))
    assert cgroup == Cgroup(None, ())
    assert manager.pids(cgroup) == ()
    manager.kill(cgroup)
    manager.remove_wait(cgroup, timeout_s=0)
    manager.remove_parents(cgroup)
    assert cgroups.update(cgroup, Resources()) == cgroup
    with Placement(cgroup) as placement:
        assert (placement.directory, placement.tasks) == (None, [])
    with pytest.raises(NotSupported, match="cannot limit the container: it has no cgroup of its own"):
        cgroups.update(cgroup, Resources(pids_limit=1))


def test_who_may_make_none_and_asks_for_a_limit_is_refused(host: Host, request: pytest.FixtureRequest) -> None:
    cgroups = CgroupManager(host.layout("pids"), privileged=False)
    request.getfixturevalue("read_only")
    with pytest.raises(Unavailable, match="cannot make cgroup 'c': Permission denied") as caught:
        cgroups.create("c", Resources(pids_limit=1))
    assert caught.value.hint == "the cgroup file system is not writable for us: run as root, or with a delegated cgroup"


def test_a_delegated_cgroup_is_used(host: Host) -> None:
    cgroup = CgroupManager(host.layout(), privileged=False).create("c", Resources())
    assert cgroup == Cgroup(str(host.top / "unified/c"), ())


def test_default_paths(host: Host) -> None:
    layout = host.layout()
    assert CgroupManager(layout, privileged=True).default_path("a/b") == "/a/b"
    assert CgroupManager(layout, privileged=False).default_path("a/b") == "a/b"
