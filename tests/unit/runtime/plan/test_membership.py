"""Where a worker waits for systemd: before the first step that needs the cgroup, and after everything that does not."""

from collections.abc import Callable
from typing import Any

import pytest

from containerd_py.errors import NotSupported
from containerd_py.runtime.plan.compiler import Placing, compile_plan
from containerd_py.runtime.plan.compiler.placing import CgroupTree, Hierarchy
from containerd_py.runtime.spec.models import Spec

MakeSpec = Callable[[dict[str, Any]], Spec]
V2 = "/sys/fs/cgroup/system.slice/x.scope"
TREE = CgroupTree(V2)
OWN = [{"type": "mount"}, {"type": "cgroup"}]
CGROUP = {"destination": "/sys/fs/cgroup", "type": "cgroup", "source": "cgroup", "options": ["ro"]}
MAP = [{"containerID": 0, "hostID": 100_000, "size": 65_536}]


def steps(spec: Spec, *, scope: str = "x.scope", tree: CgroupTree = TREE) -> list[str]:
    plan = compile_plan(spec, Placing("/srv/rootfs", "box", 0, cgroups=tree, scope=scope), None)
    return [type(operation).__name__ for operation in plan.operations]


def test_nobody_waits_for_a_cgroup_that_is_there(make_spec: MakeSpec) -> None:
    names = steps(make_spec({"linux.namespaces": OWN}), scope="")
    assert "AwaitMembership" not in names
    assert names.index("UnshareCgroup") < names.index("AttachRoot")


def test_at_the_latest_before_the_pivot(make_spec: MakeSpec) -> None:
    names = steps(make_spec({"linux.namespaces": [{"type": "mount"}]}))
    assert names[names.index("AwaitMembership") + 1] == "PivotRoot"
    assert "UnshareCgroup" not in names


def test_the_cgroup_namespace_is_made_by_a_member(make_spec: MakeSpec) -> None:
    names = steps(make_spec({"linux.namespaces": OWN}))
    at = names.index("AwaitMembership")
    assert names[at : at + 3] == ["AwaitMembership", "UnshareCgroup", "PivotRoot"]
    assert names.count("UnshareCgroup") == 1


def test_before_cgroups_are_mounted(make_spec: MakeSpec) -> None:
    proc = {"destination": "/proc", "type": "proc", "source": "proc"}
    tmp = {"destination": "/tmp", "type": "tmpfs", "source": "tmpfs"}
    names = steps(make_spec({"linux.namespaces": OWN, "mounts": [proc, CGROUP, tmp]}))
    at = names.index("AwaitMembership")
    assert names[at - 1 : at + 4] == [
        *("MountFilesystem", "AwaitMembership", "UnshareCgroup", "MountFilesystem", "MountFilesystem"),
    ]


@pytest.mark.parametrize("tree", [TREE, CgroupTree(V2, (Hierarchy("pids", (("pids", None),), "/sys/fs/cgroup/pids/x"),))])
def test_before_the_host_s_directory_is_bound(make_spec: MakeSpec, tree: CgroupTree) -> None:
    names = steps(make_spec({"linux.namespaces": [{"type": "mount"}], "mounts": [CGROUP]}), tree=tree)
    assert names.index("AwaitMembership") + 1 == names.index("CloneTree")


@pytest.mark.parametrize("moment", ["createRuntime", "createContainer"])
def test_before_hooks(make_spec: MakeSpec, moment: str) -> None:
    names = steps(make_spec({"linux.namespaces": OWN, f"hooks.{moment}": [{"path": "/bin/true"}]}))
    assert names.index("AwaitMembership") < min(names.index(name) for name in ("AwaitParent", "PivotRoot"))
    assert names[names.index("AwaitMembership") + 2] == "AwaitParent"


def test_what_the_parent_would_have_to_open_before_is_refused(make_spec: MakeSpec) -> None:
    spec = make_spec(
        {
            "linux.namespaces": [{"type": "mount"}, {"type": "user"}],
            "linux.uidMappings": MAP,
            "linux.gidMappings": MAP,
            "mounts": [CGROUP],
        }
    )
    assert "AwaitMembership" not in steps(spec, scope="")
    with pytest.raises(NotSupported, match=r"mounts\.0\.type"):
        steps(spec)
