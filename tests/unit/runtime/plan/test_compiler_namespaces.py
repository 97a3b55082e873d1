"""Namespaces and hooks of a document, as a Plan."""

from collections.abc import Callable
from typing import Any

import pytest

from containerd_py.runtime.linux.process import Clone
from containerd_py.runtime.plan import operations as op
from containerd_py.runtime.plan.compiler import Placing, compile_exec, compile_plan
from containerd_py.runtime.plan.plan import IdRange, Join, Plan, UserMapping
from containerd_py.runtime.spec.models import Spec

MakeSpec = Callable[[dict[str, Any]], Spec]
MAP = {"containerID": 0, "hostID": 100_000, "size": 65_536}
PLACING = Placing("/srv/rootfs", "box", 0)


def compiled(spec: Spec, placing: Placing = PLACING) -> Plan:
    return compile_plan(spec, placing, None)


def kinds(plan: Plan) -> list[str]:
    return [type(operation).__name__ for operation in plan.operations]


@pytest.mark.parametrize(
    ("kind", "flag", "staged"),
    [
        ("pid", Clone.NEWPID, False),
        ("network", Clone.NEWNET, False),
        ("ipc", Clone.NEWIPC, False),
        ("uts", Clone.NEWUTS, False),
        ("cgroup", Clone(0), False),
        ("time", Clone(0), True),
    ],
)
def test_a_new_namespace(make_spec: MakeSpec, kind: str, flag: Clone, *, staged: bool) -> None:
    plan = compiled(make_spec({"linux.namespaces": [{"type": "mount"}, {"type": kind}]}))
    assert (plan.clone_flags(), plan.staged) == (Clone.NEWNS | flag, staged)
    assert ("UnshareCgroup" in kinds(plan)) is (kind == "cgroup")


@pytest.mark.parametrize("kind", ["pid", "network", "ipc", "uts", "cgroup", "time"])
def test_a_joined_namespace_is_not_made(make_spec: MakeSpec, kind: str) -> None:
    plan = compiled(make_spec({"linux.namespaces": [{"type": "mount"}, {"type": kind, "path": "/ns"}]}))
    assert (plan.clone_flags(), plan.joined, plan.staged) == (Clone.NEWNS, (Join(kind, "/ns"),), True)
    assert not {"UnshareCgroup", "LoopbackUp"} & set(kinds(plan))


def test_the_mounts_of_a_joined_namespace_keep_their_propagation(make_spec: MakeSpec) -> None:
    plan = compiled(make_spec({"linux.namespaces": [{"type": "mount", "path": "/ns"}]}))
    assert "SetPropagation" not in kinds(plan)


def test_a_new_user_namespace_is_mapped_by_the_parent(make_spec: MakeSpec) -> None:
    namespaces = [{"type": "mount"}, {"type": "user"}]
    changes: dict[str, Any] = {
        "linux.namespaces": namespaces,
        "linux.uidMappings": [MAP],
        "linux.gidMappings": [MAP | {"hostID": 5}],
    }
    plan = compiled(make_spec(changes))
    assert plan.user == UserMapping((IdRange(0, 100_000, 65_536),), (IdRange(0, 5, 65_536),))
    assert plan.maps_ids
    assert plan.clone_flags() == Clone.NEWNS | Clone.NEWUSER
    assert plan.operations[0] == op.BecomeRoot(drop_groups=True)
    staged = compiled(make_spec(changes | {"linux.namespaces": [*namespaces, {"type": "time"}]}))
    assert (staged.maps_ids, staged.clone_flags()) == (False, Clone.NEWNS)


def hook(path: str, **more: Any) -> dict[str, Any]:
    return {"path": path, **more}


def test_hooks_stand_where_the_specification_has_them(make_spec: MakeSpec) -> None:
    hooks = {
        "createRuntime": [hook("/r")],
        "createContainer": [hook("/c", args=["c", "1"], env=["A=1"], timeout=3)],
        "startContainer": [hook("/s")],
    }
    plan = compiled(make_spec({"hooks": hooks}))
    told = [
        step for step in plan.operations if isinstance(step, op.AwaitParent | op.RunHooks | op.PivotRoot | op.AwaitStart)
    ]
    assert told == [
        op.AwaitParent(("createRuntime hooks", "the container's state")),
        op.RunHooks("createContainer", "creating", (("/c", ("c", "1"), ("A=1",), 3),)),
        op.PivotRoot(),
        op.AwaitStart(),
        op.RunHooks("startContainer", "created", (("/s", (), (), None),), inherits=True),
    ]


@pytest.mark.parametrize("moment", ["poststart", "poststop"])
def test_hooks_of_the_parent_alone_cost_the_worker_nothing(make_spec: MakeSpec, moment: str) -> None:
    assert compiled(make_spec({"hooks": {moment: [hook("/p")]}})) == compiled(make_spec({}))


def test_a_container_that_anybody_may_start(make_spec: MakeSpec) -> None:
    plan = compiled(make_spec({}), Placing("/srv/rootfs", "box", 0, rendezvous=True, preserved=2))
    assert op.AwaitStart(rendezvous=True) in plan.operations
    assert isinstance(plan.operations[-1], op.Exec)
    assert plan.operations[-1].preserved == 2


def test_a_further_process_makes_nothing(make_spec: MakeSpec) -> None:
    spec = make_spec({"process.cwd": "/w"})
    assert spec.process is not None
    plan = compile_exec(spec, spec.process, Placing("/srv/rootfs", "box", 2), None)
    assert (plan.namespaces, plan.joined, plan.clone_flags()) == ((), (), Clone(0))
    assert kinds(plan)[:3] == ["JoinCgroup", "ResetProcess", "EnterRoot"]
    making = {"AttachRoot", "MountFilesystem", "MakeDevice", "PivotRoot", "MakeDirectory", "SetHostname", "MaskPath"}
    assert not making & set(kinds(plan))
