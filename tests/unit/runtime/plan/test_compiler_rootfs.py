"""What mounts, devices and propagation turn into: tables of operations, for any host."""

from collections.abc import Callable
from typing import Any

import pytest

from containerd_py.errors import InvalidArgument, NotSupported
from containerd_py.light.dataclasses import replace
from containerd_py.runtime.linux.mounts import MountAttr, Propagation
from containerd_py.runtime.linux.statfs import PROC_SUPER_MAGIC
from containerd_py.runtime.plan import operations as op
from containerd_py.runtime.plan.compiler import Placing
from containerd_py.runtime.plan.compiler.placing import CgroupTree, Hierarchy
from containerd_py.runtime.plan.compiler.rootfs import RootFileSystem, root_file_system
from containerd_py.runtime.plan.plan import IdRange, Node, Source, UserMapping
from containerd_py.runtime.spec.models import Spec

MakeSpec = Callable[[dict[str, Any]], Spec]
Changes = dict[str, Any]

NOTHING: Changes = {}

RO, NOSUID = int(MountAttr.RDONLY), int(MountAttr.NOSUID)
HIDDEN = int(MountAttr.NOSUID | MountAttr.NODEV | MountAttr.NOEXEC)
PLACING = Placing("/srv/root", "box", 0, bundle="/srv")
IDS = [{"containerID": 0, "hostID": 1000, "size": 10}]
MAPPED = UserMapping((IdRange(0, 1000, 10),), (IdRange(0, 1000, 10),))
USER: Changes = {
    "linux.namespaces": [{"type": "mount"}, {"type": "network"}, {"type": "user"}],
    "linux.uidMappings": IDS,
    "linux.gidMappings": IDS,
}
V1 = (
    Hierarchy("cpu,cpuacct", (("cpu", None), ("cpuacct", None)), "/sys/fs/cgroup/cpu,cpuacct/box"),
    Hierarchy("pids", (("pids", None),), "/sys/fs/cgroup/pids/box"),
)
V2 = "/sys/fs/cgroup/box"


def mount(kind: str, *options: str, destination: str = "/data", **more: Any) -> dict[str, Any]:
    return {"destination": destination, "type": kind, "options": list(options), **more}


def bind(*options: str, **more: Any) -> dict[str, Any]:
    return mount("bind", *options, **{"source": "/src", **more})


def mounted(
    make_spec: MakeSpec, *mounts: dict[str, Any], placing: Placing = PLACING, also: Changes = NOTHING
) -> RootFileSystem:
    return root_file_system(make_spec({"mounts": list(mounts), **also}), placing)


def steps(root: RootFileSystem) -> list[op.Operation]:
    """Return what is built, without devices and links of /dev."""
    of_dev = (op.MakeDevice, op.BindDevice)
    return [
        step
        for step in root.build
        if not isinstance(step, of_dev) and not (isinstance(step, op.MakeSymlink) and step.path.startswith("/dev/"))
    ]


def clones(root: RootFileSystem) -> list[op.Operation]:
    return [step for step in root.take if isinstance(step, op.CloneTree)]


def kept(root: RootFileSystem, *kinds: type[op.Operation]) -> list[op.Operation]:
    return [step for step in (*root.take, *root.build, *root.protect) if isinstance(step, kinds)]


# ── file systems ─────────────────────────────────────────────────────────────────────────────────────────────────────


def fs(fstype: str, options: tuple[Any, ...] = (), attributes: int = 0, **more: Any) -> op.MountFilesystem:
    return op.MountFilesystem(fstype, more.pop("source", fstype), more.pop("target", "/data"), options, attributes, **more)


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        (mount("proc", "nosuid"), fs("proc", attributes=NOSUID)),
        (mount("proc", "ro"), fs("proc", attributes=RO)),
        (mount("sysfs", "ro", "nosuid"), fs("sysfs", attributes=RO | NOSUID)),
        (mount("ext4", "ro", source="/dev/vdb"), fs("ext4", (("ro", None),), RO, source="/dev/vdb")),
        (mount("ext4", "rw", "data=journal"), fs("ext4", (("data", "journal"),))),
        (mount("overlay", "rro", "sync"), fs("overlay", (("ro", None), ("sync", None)), RO)),
        (mount("xfs", "lazytime", "dirsync", "mand"), fs("xfs", (("lazytime", None), ("dirsync", None), ("mand", None)))),
        (mount("tmpfs", "mode=700", "async"), fs("tmpfs", (("mode", "700"),))),
        (mount("tmpfs", "size=1m"), fs("tmpfs", (("size", "1m"),), inherit_mode=True)),
        (mount("tmpfs", "tmpcopyup"), fs("tmpfs", inherit_mode=True, copy_up=True)),
        (mount("tmpfs", "mode=1", "rshared"), fs("tmpfs", (("mode", "1"),), propagation=int(Propagation.SHARED))),
        (mount("tmpfs", "mode=1", "noatime"), fs("tmpfs", (("mode", "1"),), int(MountAttr.NOATIME))),
        (mount("tmpfs", "mode=1", destination="data/"), fs("tmpfs", (("mode", "1"),), target="/data/")),
    ],
)
def test_a_new_file_system(make_spec: MakeSpec, asked: dict[str, Any], expected: op.Operation) -> None:
    assert steps(mounted(make_spec, asked)) == [expected]


@pytest.mark.parametrize(
    ("asked", "late"),
    [
        (mount("tmpfs", "ro", "nosuid", "mode=1"), "/data"),
        (mount("tmpfs", "rro", "nosuid", "mode=1"), "/data"),
        (mount("devtmpfs", "ro", "nosuid", destination="/dev/"), "/dev/"),
    ],
)
def test_what_is_built_upon_becomes_read_only_at_last(make_spec: MakeSpec, asked: dict[str, Any], late: str) -> None:
    root = mounted(make_spec, asked)
    (step,) = [step for step in root.build if isinstance(step, op.MountFilesystem)]
    assert step.attributes == NOSUID
    assert root.protect == (op.Remount(late, RO),)


# ── binds ────────────────────────────────────────────────────────────────────────────────────────────────────────────


REMOUNTED = int(MountAttr.RDONLY | MountAttr.NOSUID | MountAttr.NODEV | MountAttr.NOEXEC | MountAttr.NOSYMFOLLOW)
"""What a bind that is asked for options does not take over from its source."""


def tree(add: int = 0, remove: int = 0, **more: Any) -> op.AttachTree:
    return op.AttachTree(more.pop("key", 0), more.pop("source", "/src"), more.pop("target", "/data"), add, remove, **more)


@pytest.mark.parametrize(
    ("asked", "clone", "attach"),
    [
        (bind(), op.CloneTree(0, "/src", recursive=False), tree()),
        (bind("rbind", "ro"), op.CloneTree(0, "/src", recursive=True), tree(RO, unsaid=REMOUNTED & ~RO)),
        (
            bind("rw", "rnosuid"),
            op.CloneTree(0, "/src", recursive=False),
            tree(0, RO, below_add=NOSUID, unsaid=REMOUNTED & ~RO & ~NOSUID),
        ),
        (bind("rrw"), op.CloneTree(0, "/src", recursive=False), tree(below_remove=RO)),
        (
            bind("rshared"),
            op.CloneTree(0, "/src", recursive=False),
            tree(propagation=int(Propagation.SHARED), propagation_recursive=True),
        ),
        (
            bind("copy-symlink"),
            op.CloneTree(0, "/src", recursive=False, follow=False),
            tree(copy_symlink=True),
        ),
        (bind("src-nofollow"), op.CloneTree(0, "/src", recursive=False, follow=False), tree()),
        (bind("dest-nofollow"), op.CloneTree(0, "/src", recursive=False), tree(follow=False)),
        (
            bind(destination="//proc/./"),
            op.CloneTree(0, "/src", recursive=False),
            tree(target="//proc/./", filesystem=PROC_SUPER_MAGIC),
        ),
        (bind(source="v/a"), op.CloneTree(0, "/srv/v/a", recursive=False), tree(source="/srv/v/a")),
    ],
)
def test_a_bind(make_spec: MakeSpec, asked: dict[str, Any], clone: op.Operation, attach: op.Operation) -> None:
    root = mounted(make_spec, asked)
    assert (clones(root), steps(root), root.sources) == ([clone], [attach], ())


@pytest.mark.parametrize("also", [NOTHING, USER])
def test_sources_of_a_container_that_may_have_no_symlink_on_their_way(make_spec: MakeSpec, also: Changes) -> None:
    annotation = {"annotations": {"org.pycontainerd.sources": "no-symlinks"}}
    root = mounted(make_spec, bind(), mount("tmpfs"), also=also | annotation)
    assert clones(root)[0] == op.CloneTree(0, "/src", recursive=False, passed=bool(also), straight=True)
    assert [source.straight for source in root.sources if source.handle == "source0"] == [True] * bool(also)
    (source,) = (one for one in mounted(make_spec, bind("idmap"), also=USER | annotation).sources if one.detached)
    assert source.straight


@pytest.mark.parametrize(
    ("earlier", "options", "source", "inside"),
    [
        ("/a", (), "/srv/root/a/b", "/a/b"),
        ("/a", (), "/srv/root/a", "/a"),
        ("a/", (), "//srv/./root//a/b/", "/a/b"),
        ("/a", (), "root/a", "/a"),
        ("/a/b", ("rbind",), "/srv/root/a", "/a"),
        ("/a/b", ("rbind",), "/srv/root", "/"),
        ("/a/b", ("bind",), "/srv/root/a", ""),
        ("/a", ("rbind",), "/srv/root/ab", ""),
        ("/a", ("rbind",), "/srv/root/b", ""),
        ("/a", ("rbind",), "/srv/rooted/a", ""),
        ("/a", ("rbind",), "/srv", ""),
        ("/a", (), "/srv/root/a/../c", ""),
    ],
)
def test_a_source_that_an_earlier_mount_hides_is_taken_in_its_turn(
    make_spec: MakeSpec, earlier: str, options: tuple[str, ...], source: str, inside: str
) -> None:
    asked = mount("tmpfs", "mode=1", destination=earlier), bind(*options, source=source)
    for also, user in ((NOTHING, False), (USER, True)):
        root = mounted(make_spec, *asked, also=also)
        found = [(one.source, one.recursive, one.mapped) for one in steps(root) if isinstance(one, op.CloneInside)]
        assert found == ([(inside, "rbind" in options, False)] if inside else [])
        assert ("source1" in [one.handle for one in root.sources]) == (user and not inside)
        assert any(isinstance(one, op.CloneTree) and one.key == 1 for one in root.take) == (not inside)


def test_an_idmapped_source_that_an_earlier_mount_hides_is_mapped_by_the_parent(make_spec: MakeSpec) -> None:
    asked = mount("tmpfs", destination="/a"), bind("ridmap", source="/srv/root/a", uidMappings=IDS, gidMappings=IDS)
    root = mounted(make_spec, *asked)
    (source,) = root.sources
    assert (source.handle, source.inside, source.mapping, source.mapping_recursive) == ("ids1", True, MAPPED, True)
    assert op.CloneInside(1, "/a", recursive=False, mapped=True) in root.build


def test_a_relative_source_needs_a_bundle(make_spec: MakeSpec) -> None:
    with pytest.raises(InvalidArgument, match=r"cannot bind 'v' \(mounts\.0\.source\): it is relative"):
        mounted(make_spec, bind(source="v"), placing=replace(PLACING, bundle=""))


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        (mount("none", "remount", "bind", "ro"), op.Remount("/data", RO)),
        (mount("none", "remount", "rbind", "rnosuid", "rw"), op.Remount("/data", 0, RO, below_add=NOSUID)),
        (
            mount("tmpfs", "remount", "ro", "size=1m"),
            op.Remount("/data", RO, reconfigure=True, options=(("ro", None), ("size", "1m"))),
        ),
        (
            mount("tmpfs", "remount", "rw", "sync"),
            op.Remount("/data", 0, RO, reconfigure=True, options=(("rw", None), ("sync", None))),
        ),
        (
            mount("tmpfs", "remount", "slave"),
            op.Remount("/data", 0, propagation=int(Propagation.SLAVE), reconfigure=True),
        ),
    ],
)
def test_a_remount_takes_nothing_from_the_host(make_spec: MakeSpec, asked: dict[str, Any], expected: op.Operation) -> None:
    root = mounted(make_spec, asked)
    assert (clones(root), steps(root)) == ([], [expected])


# ── ids ──────────────────────────────────────────────────────────────────────────────────────────────────────────────

OTHER = [{"containerID": 5, "hostID": 70, "size": 2}]
OTHERS = UserMapping((IdRange(5, 70, 2),), (IdRange(5, 70, 2),))


@pytest.mark.parametrize(
    ("asked", "mapping", "recursive"),
    [
        (bind("idmap", uidMappings=OTHER, gidMappings=OTHER), OTHERS, False),
        (bind("rbind", "ridmap", uidMappings=OTHER, gidMappings=OTHER), OTHERS, True),
        (bind(uidMappings=OTHER, gidMappings=OTHER), OTHERS, False),
        (
            bind("idmap=uids=0-7-1;gids=1-8-2"),
            UserMapping((IdRange(0, 7, 1),), (IdRange(1, 8, 2),)),
            False,
        ),
    ],
)
def test_the_parent_maps_ids(make_spec: MakeSpec, *, asked: dict[str, Any], mapping: UserMapping, recursive: bool) -> None:
    root = mounted(make_spec, asked)
    assert clones(root) == []
    assert root.sources == (
        Source(
            "tree0",
            "/src",
            recursive="rbind" in asked["options"],
            mapping=mapping,
            mapping_recursive=recursive,
            propagation=int(Propagation.SLAVE),
        ),
    )


@pytest.mark.parametrize(
    ("option", "mapping"),
    [
        ("idmap", MAPPED),
        ("idmap=uids=@0-3-2;gids=@5-0-1", UserMapping((IdRange(0, 1003, 2),), (IdRange(5, 1000, 1),))),
    ],
)
def test_the_containers_own_ids(make_spec: MakeSpec, option: str, mapping: UserMapping) -> None:
    _root, source = mounted(make_spec, bind(option), also=USER).sources
    assert source.mapping == mapping


def test_the_ids_of_a_namespace_that_is_joined(make_spec: MakeSpec) -> None:
    kinds = [{"type": "mount"}, {"type": "user", "path": "/proc/7/ns/user"}]
    _root, source = mounted(make_spec, bind("idmap"), also={"linux.namespaces": kinds}).sources
    assert (source.mapping, source.user_path) == (None, "/proc/7/ns/user")


def test_an_id_that_the_container_does_not_have(make_spec: MakeSpec) -> None:
    with pytest.raises(
        InvalidArgument,
        match=r"^cannot map ids from @10 \(mounts\.0\.options\): the user namespace of the container maps no such",
    ):
        mounted(make_spec, bind("idmap=uids=@0-10-1;gids=0-0-1"), also=USER)


# ── user namespaces ──────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_parent_hands_over_the_places_that_the_worker_clones(make_spec: MakeSpec) -> None:
    root = mounted(make_spec, bind("rbind", "src-nofollow"), also=USER)
    assert root.sources == (
        Source("rootfs", "/srv/root", recursive=True),
        Source("source0", "/src", recursive=True, follow=False),
    )
    assert op.AttachRoot("/srv/root", passed=True) in root.take
    assert clones(root)[0] == op.CloneTree(0, "/src", recursive=True, follow=False, passed=True)


@pytest.mark.parametrize("wanted", [None, "private", "rshared", "unbindable"])
def test_an_idmapped_tree_hands_no_mounts_back(make_spec: MakeSpec, wanted: str | None) -> None:
    """It is cloned in the host's namespace, and would stay in its peer group."""
    root = mounted(make_spec, bind("idmap"), also=USER | {"linux.rootfsPropagation": wanted})
    assert root.sources[1].propagation == int(
        Propagation.PRIVATE if wanted in ("private", "unbindable") else Propagation.SLAVE
    )


def test_without_privileges_the_worker_takes_what_it_can(make_spec: MakeSpec) -> None:
    root = mounted(make_spec, bind(), placing=replace(PLACING, privileged=False), also=USER)
    assert root.sources == ()
    assert op.CloneTree(0, "/src", recursive=False) in root.take
    assert op.AttachRoot("/srv/root") in root.take


def test_devices_are_bound(make_spec: MakeSpec) -> None:
    devices = [
        {"type": "b", "path": "/dev/sda", "major": 8, "minor": 0, "fileMode": 0o600},
        {"type": "p", "path": "/dev/pipe"},
    ]
    root = mounted(make_spec, also=USER | {"linux.devices": devices})
    assert clones(root)[0] == op.CloneTree(-1, "/dev/null", recursive=False)
    assert clones(root)[-1] == op.CloneTree(-7, "/dev/sda", recursive=False)
    assert kept(root, op.BindDevice)[0] == op.BindDevice(-1, "/dev/null", "c", 1, 3)
    assert kept(root, op.BindDevice)[-1] == op.BindDevice(-7, "/dev/sda", "b", 8, 0)
    assert kept(root, op.MakeDevice) == [op.MakeDevice("/dev/pipe", "p", 0, 0, 0o666, 0, 0)]


def test_devices_are_bound_where_the_parent_is_in_a_user_namespace(make_spec: MakeSpec) -> None:
    """As under podman of an ordinary user, whose documents have no user namespace."""
    root = mounted(make_spec, placing=replace(PLACING, makes_devices=False))
    assert kept(root, op.BindDevice)[0] == op.BindDevice(-1, "/dev/null", "c", 1, 3)
    assert kept(root, op.MakeDevice) == []


def test_devices_that_the_parent_can_make_are_as_the_document_has_them(make_spec: MakeSpec) -> None:
    devices = [{"type": "c", "path": "/dev/own", "major": 1, "minor": 5, "fileMode": 0o640, "uid": 3, "gid": 4}]
    mapping = [{"containerID": 0, "hostID": 1000, "size": 10}]
    changes = {**USER, "linux.uidMappings": mapping, "linux.gidMappings": mapping, "linux.devices": devices}
    root = mounted(make_spec, placing=replace(PLACING, makes_nodes=True), also=changes)
    (made,) = [source for source in root.sources if source.nodes]
    assert (made.handle, made.nodes) == ("nodes", (Node("6", "c", 1, 5, 0o640, 1003, 1004),))
    assert kept(root, op.BindDevice)[-1] == op.BindDevice(-7, "/dev/own", "c", 1, 5)
    assert op.TakeNodes((-7,)) in root.take
    assert "/dev/own" not in [step.source for step in clones(root) if isinstance(step, op.CloneTree)]
    devices[0]["gid"] = 10
    with pytest.raises(InvalidArgument, match=r"linux\.devices\.0\.gid\): 10 is not mapped"):
        mounted(make_spec, placing=replace(PLACING, makes_nodes=True), also=changes)


@pytest.mark.parametrize(
    ("network", "bound"), [([{"type": "network"}], False), ([{"type": "network", "path": "/n"}], True), ([], True)]
)
def test_the_hosts_sysfs_where_the_network_is_anothers(
    make_spec: MakeSpec, *, network: list[dict[str, Any]], bound: bool
) -> None:
    kinds = [{"type": "mount"}, {"type": "user"}, *network]
    changes = {**USER, "linux.namespaces": kinds}
    root = mounted(make_spec, mount("sysfs", "ro", "nosuid", destination="/sys"), also=changes)
    if bound:
        assert steps(root) == [tree(source="/sys", target="/sys", below_add=RO | NOSUID)]
        assert root.sources[1] == Source("source0", "/sys", recursive=True)
    else:
        assert steps(root) == [fs("sysfs", attributes=RO | NOSUID, target="/sys")]


# ── cgroups ──────────────────────────────────────────────────────────────────────────────────────────────────────────

OWN_CGROUP: Changes = {"linux.namespaces": [{"type": "mount"}, {"type": "cgroup"}]}
AT = "/sys/fs/cgroup"
FRAME = fs("tmpfs", (("mode", "755"),), HIDDEN, target=AT)


def cgroups(
    make_spec: MakeSpec, tree: CgroupTree, *options: str, kind: str = "cgroup", also: Changes = NOTHING
) -> RootFileSystem:
    asked = mount(kind, *options, destination=AT)
    return mounted(make_spec, asked, placing=replace(PLACING, cgroups=tree), also=also)


@pytest.mark.parametrize("kind", ["cgroup", "cgroup2"])
def test_cgroup_v2_alone(make_spec: MakeSpec, kind: str) -> None:
    own = cgroups(make_spec, CgroupTree(V2), "ro", "nsdelegate", kind=kind, also=OWN_CGROUP)
    assert steps(own) == [fs("cgroup2", (("nsdelegate", None),), RO, target=AT)]
    shared = cgroups(make_spec, CgroupTree(V2), "ro", kind=kind)
    assert (clones(shared), steps(shared)) == (
        [op.CloneTree(0, V2, recursive=False)],
        [tree(RO, source=V2, target=AT)],
    )


def test_cgroup_v1_in_a_namespace_of_its_own(make_spec: MakeSpec) -> None:
    root = cgroups(make_spec, CgroupTree(None, V1), "ro", "nosuid", also=OWN_CGROUP)
    assert steps(root) == [
        FRAME,
        fs("cgroup", (("cpu", None), ("cpuacct", None)), RO | NOSUID, target=f"{AT}/cpu,cpuacct"),
        fs("cgroup", (("pids", None),), RO | NOSUID, target=f"{AT}/pids"),
        op.MakeSymlink(f"{AT}/cpu", "cpu,cpuacct"),
        op.MakeSymlink(f"{AT}/cpuacct", "cpu,cpuacct"),
    ]
    assert root.protect == (op.Remount(AT, RO),)


def test_cgroup_v1_of_the_host(make_spec: MakeSpec) -> None:
    root = cgroups(make_spec, CgroupTree(None, V1))
    assert clones(root) == [
        op.CloneTree(10_000, "/sys/fs/cgroup/cpu,cpuacct/box", recursive=False),
        op.CloneTree(10_001, "/sys/fs/cgroup/pids/box", recursive=False),
    ]
    assert steps(root)[:3] == [
        FRAME,
        tree(key=10_000, source="/sys/fs/cgroup/cpu,cpuacct/box", target=f"{AT}/cpu,cpuacct"),
        tree(key=10_001, source="/sys/fs/cgroup/pids/box", target=f"{AT}/pids"),
    ]
    assert root.protect == ()


def test_both_versions(make_spec: MakeSpec) -> None:
    both = CgroupTree("/sys/fs/cgroup/unified/box", V1)
    assert fs("cgroup2", target=f"{AT}/unified") in steps(cgroups(make_spec, both, also=OWN_CGROUP))
    assert op.CloneTree(10_002, "/sys/fs/cgroup/unified/box", recursive=False) in clones(cgroups(make_spec, both))
    assert steps(cgroups(make_spec, both, kind="cgroup2", also=OWN_CGROUP)) == [fs("cgroup2", target=AT)]


def test_a_cgroup_of_others_is_shown_read_only(make_spec: MakeSpec) -> None:
    root = cgroups(make_spec, CgroupTree(V2, shared=True), "rw", kind="cgroup2")
    assert steps(root) == [tree(RO, source=V2, target=AT)]
    root = cgroups(make_spec, CgroupTree(V2, shared=True), kind="cgroup2", also=OWN_CGROUP)
    assert steps(root) == [fs("cgroup2", attributes=RO, target=AT)]
    root = cgroups(make_spec, CgroupTree(None, V1[1:], shared=True))
    assert tree(RO, key=10_000, source="/sys/fs/cgroup/pids/box", target=f"{AT}/pids") in steps(root)


def test_cgroups_of_a_user_namespace_are_passed(make_spec: MakeSpec) -> None:
    sources = cgroups(make_spec, CgroupTree(None, V1), also=USER).sources
    assert [source.handle for source in sources] == ["rootfs", "source10000", "source10001"]


@pytest.mark.parametrize(("kind", "tree"), [("cgroup", CgroupTree()), ("cgroup2", CgroupTree(None, V1))])
def test_cgroups_that_are_not_there(make_spec: MakeSpec, kind: str, tree: CgroupTree) -> None:
    with pytest.raises(NotSupported, match=rf"cannot mount {kind} \(mounts\.0\.type\)"):
        cgroups(make_spec, tree, kind=kind)


def test_cgroup_v1_has_no_options_of_its_own(make_spec: MakeSpec) -> None:
    with pytest.raises(InvalidArgument, match=r"cannot use mount option 'none' \(mounts\.0\.options\)"):
        cgroups(make_spec, CgroupTree(None, V1), "none")


# ── propagation ──────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("wanted", "before", "parent", "after"),
    [
        (None, (Propagation.SLAVE, "rslave", True), 0, None),
        ("", (Propagation.SLAVE, "rslave", True), 0, None),
        ("rslave", (Propagation.SLAVE, "rslave", True), 0, None),
        ("slave", (Propagation.SLAVE, "slave", False), Propagation.SLAVE, None),
        ("rprivate", (Propagation.PRIVATE, "rprivate", True), 0, None),
        ("private", (Propagation.PRIVATE, "private", False), Propagation.PRIVATE, None),
        ("shared", (Propagation.SHARED, "shared", False), Propagation.PRIVATE, (Propagation.SHARED, False)),
        ("rshared", (Propagation.SHARED, "rshared", True), Propagation.PRIVATE, (Propagation.SHARED, True)),
        ("unbindable", (Propagation.PRIVATE, "private", False), Propagation.PRIVATE, (Propagation.UNBINDABLE, False)),
        ("runbindable", (Propagation.PRIVATE, "rprivate", True), 0, (Propagation.UNBINDABLE, True)),
    ],
)
def test_propagation(
    make_spec: MakeSpec,
    wanted: str | None,
    before: tuple[Propagation, str, bool],
    parent: int,
    after: tuple[Propagation, bool] | None,
) -> None:
    changes = {"linux.rootfsPropagation": wanted, "linux.maskedPaths": ["/m"]}
    root = root_file_system(make_spec(changes), PLACING)
    kind, name, recursive = before
    assert root.take[0] == op.SetPropagation(int(kind), name, recursive)
    assert op.AttachRoot("/srv/root", parent_propagation=int(parent)) in root.take
    last = (op.SetRootPropagation(int(after[0]), wanted or "", after[1]),) if after else ()
    assert root.protect == (op.MaskPath("/m"), *last)


def test_a_mount_namespace_that_is_joined_keeps_its_propagation(make_spec: MakeSpec) -> None:
    root = root_file_system(make_spec({"linux.namespaces": [{"type": "mount", "path": "/m"}]}), PLACING)
    assert kept(root, op.SetPropagation) == []


# ── devices ──────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("path", ["/dev/null", "//dev/./null", "/dev//null"])
def test_a_device_replaces_a_default_however_it_is_spelt(make_spec: MakeSpec, path: str) -> None:
    devices = [{"type": "c", "path": path, "major": 1, "minor": 3, "fileMode": 0o600}]
    nodes = kept(root_file_system(make_spec({"linux.devices": devices}), PLACING), op.MakeDevice)
    assert len(nodes) == 6
    assert nodes[-1] == op.MakeDevice(path, "c", 1, 3, 0o600, 0, 0)


def test_ptmx_is_the_link_to_the_containers_own(make_spec: MakeSpec) -> None:
    devices = [{"type": "c", "path": "/dev/ptmx", "major": 5, "minor": 2}]
    pts = mount("devpts", "newinstance", destination="/dev/pts")
    root = mounted(make_spec, pts, also={"linux.devices": devices})
    assert op.MakeSymlink("/dev/ptmx", "pts/ptmx") in root.build
    assert len(kept(root, op.MakeDevice)) == 6


def test_a_change_of_dev_is_no_bind_of_it(make_spec: MakeSpec) -> None:
    root = mounted(make_spec, mount("none", "remount", "bind", "nosuid", destination="/dev"))
    assert kept(root, op.MakeDevice) != []


@pytest.mark.parametrize(
    ("mounts", "masked", "linked"),
    [([mount("proc", destination="/proc")], [], True), ([], [], False), ([mount("proc")], ["/proc//kcore"], False)],
)
def test_the_link_to_the_core(make_spec: MakeSpec, *, mounts: list[Any], masked: list[str], linked: bool) -> None:
    root = mounted(make_spec, *mounts, also={"linux.maskedPaths": masked})
    assert (op.MakeSymlink("/dev/core", "/proc/kcore") in root.build) is linked


# ── labels ───────────────────────────────────────────────────────────────────────────────────────────────────────────

LABEL = "system_u:object_r:container_file_t:s0"


@pytest.mark.parametrize(
    ("kind", "options", "label"),
    [
        ("tmpfs", (("mode", "1"), ("context", LABEL)), ""),
        ("ext4", (("mode", "1"), ("context", LABEL)), ""),
        ("proc", (("mode", "1"),), ""),
        ("sysfs", (("mode", "1"),), ""),
        ("mqueue", (("mode", "1"),), LABEL),
    ],
)
def test_a_label(make_spec: MakeSpec, kind: str, options: tuple[Any, ...], label: str) -> None:
    placing = replace(PLACING, selinux=True)
    changes = {"linux.mountLabel": LABEL, "linux.maskedPaths": ["/m"]}
    root = mounted(make_spec, mount(kind, "mode=1"), placing=placing, also=changes)
    assert steps(root) == [fs(kind, options, label=label)]
    assert root.protect == (op.MaskPath("/m", LABEL),)


def test_a_label_without_selinux_is_refused(make_spec: MakeSpec) -> None:
    with pytest.raises(NotSupported, match=r"cannot label mounts 'a' \(linux\.mountLabel\): SELinux is not in force"):
        root_file_system(make_spec({"linux.mountLabel": "a"}), PLACING)
