"""A container is shown the hierarchies in which it has a cgroup."""

from containerd_py.light.dataclasses import replace
from containerd_py.runtime.cgroup_view import cgroup_tree
from containerd_py.runtime.cgroups.layout import Layout
from containerd_py.runtime.cgroups.manager import Cgroup
from containerd_py.runtime.plan.compiler.placing import CgroupTree, Hierarchy

AT = "/sys/fs/cgroup"
HYBRID = Layout(
    f"{AT}/unified",
    (),
    {
        "pids": f"{AT}/pids",
        "cpuacct": f"{AT}/cpu,cpuacct",
        "cpu": f"{AT}/cpu,cpuacct",
        "memory": f"{AT}/memory",
    },
)


def test_both_versions() -> None:
    cgroup = Cgroup(f"{AT}/unified/box", (f"{AT}/pids/box", f"{AT}/cpu,cpuacct/deep/box"))
    assert cgroup_tree(HYBRID, cgroup) == CgroupTree(
        f"{AT}/unified/box",
        (
            Hierarchy("cpu,cpuacct", (("cpuacct", None), ("cpu", None)), f"{AT}/cpu,cpuacct/deep/box"),
            Hierarchy("pids", (("pids", None),), f"{AT}/pids/box"),
        ),
    )


def test_the_hierarchy_of_a_service_manager() -> None:
    layout = replace(HYBRID, named={"name=systemd": f"{AT}/systemd"})
    shown = cgroup_tree(layout, Cgroup(None, (f"{AT}/pids/box", f"{AT}/systemd/box"))).v1
    assert shown[1:] == (Hierarchy("systemd", (("name", "systemd"),), f"{AT}/systemd/box"),)


def test_version_2_alone() -> None:
    assert cgroup_tree(Layout(AT, ("pids",), {}), Cgroup(f"{AT}/box", ())) == CgroupTree(f"{AT}/box")


def test_a_container_without_one_is_shown_its_callers() -> None:
    own = {f"{AT}/unified": f"{AT}/unified/me", f"{AT}/pids": f"{AT}/pids/me"}
    assert cgroup_tree(replace(HYBRID, own=own), Cgroup(None, ())) == CgroupTree(
        f"{AT}/unified/me",
        (
            Hierarchy("cpu,cpuacct", (("cpuacct", None), ("cpu", None)), f"{AT}/cpu,cpuacct"),
            Hierarchy("memory", (("memory", None),), f"{AT}/memory"),
            Hierarchy("pids", (("pids", None),), f"{AT}/pids/me"),
        ),
        shared=True,
    )


def test_none() -> None:
    assert cgroup_tree(Layout(None, (), {}), Cgroup(None, ())) == CgroupTree(shared=True)
