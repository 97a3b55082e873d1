"""Plans of workers that look at, read and write files."""

from typing import Any

import pytest

from containerd_py.runtime.plan import operations as op
from containerd_py.runtime.plan.compiler.archive import Standpoint, compile_archive, compile_comparison, compile_export
from containerd_py.runtime.plan.operations import Operation
from containerd_py.runtime.plan.plan import IdRange, Join, Plan, UserMapping, decode
from containerd_py.runtime.spec.models import Spec, parse
from containerd_py.runtime.spec.process import CAPABILITIES
from tests.integration.runtime.workshop import OWN, document

INSIDE = Standpoint("abc", inside=True, joined=True, v1_cgroups=2)
OUTSIDE = Standpoint("abc", inside=False, joined=False, v1_cgroups=0)
MAPPED = [{"containerID": 0, "hostID": 100_000, "size": 10}]
USER: dict[str, Any] = {
    "linux.namespaces": [*OWN, {"type": "user"}],
    "linux.uidMappings": MAPPED,
    "linux.gidMappings": MAPPED,
}


def spec(**changes: Any) -> Spec:
    return parse(document(changes))


def rights(plan: Plan) -> set[str]:
    (caps,) = [operation for operation in plan.operations if isinstance(operation, op.SetCapabilities)]
    (bounding,) = [operation for operation in plan.operations if isinstance(operation, op.LimitBounding)]
    assert caps.effective == caps.permitted == bounding.capabilities
    assert caps.inheritable == caps.ambient == 0
    return {name for number, name in enumerate(CAPABILITIES) if caps.effective >> number & 1}


def kinds(plan: Plan) -> list[str]:
    return [type(operation).__name__ for operation in plan.operations]


@pytest.mark.parametrize("task", [op.StatPath("/a"), op.PackPath("/a"), op.UnpackArchive("/a")])
def test_the_task_comes_last_and_confined(task: Operation) -> None:
    plan = compile_archive(spec(), task, INSIDE)
    assert plan.operations[-1] is task
    assert kinds(plan) == [
        *("JoinCgroup", "ResetProcess", "EnterRoot", "SetRlimit", "LimitBounding", "SetCapabilities", "SetNoNewPrivs"),
        type(task).__name__,
    ]
    assert decode(plan.encode()).operations == plan.operations


def test_reading_needs_one_right_and_writing_no_more_than_the_container_has() -> None:
    sets = {name: ["CAP_SETFCAP", "CAP_KILL"] for name in ("bounding", "effective", "permitted")}
    limited = spec(**{"process.capabilities": sets})
    writing = {"CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FOWNER", "CAP_FSETID"}
    assert rights(compile_archive(spec(), op.PackPath("/"), INSIDE)) == {"CAP_DAC_READ_SEARCH"}
    assert rights(compile_archive(spec(), op.UnpackArchive("/"), INSIDE)) == writing | {"CAP_MKNOD", "CAP_SETFCAP"}
    assert rights(compile_archive(limited, op.UnpackArchive("/"), INSIDE)) == writing | {"CAP_SETFCAP"}
    assert rights(compile_archive(spec(), op.UnpackArchive("/"), OUTSIDE)) == writing | {"CAP_SETFCAP"}
    assert rights(compile_comparison("abc", 2, "trusted")) == {"CAP_DAC_READ_SEARCH", "CAP_SYS_ADMIN"}
    assert rights(compile_comparison("abc", 2, "user")) == {"CAP_DAC_READ_SEARCH"}


def test_without_a_mount_namespace_the_places_of_mounts_are_covered() -> None:
    plan = compile_archive(spec(), op.StatPath("/a"), OUTSIDE)
    assert op.TakeRoot(("/proc", "/dev")) in plan.operations
    assert op.TakeRoot() in compile_export(spec(), INSIDE).operations


def test_ids_are_the_containers_own() -> None:
    ids = (IdRange(0, 100_000, 10),)
    stopped = compile_archive(spec(**USER), op.StatPath("/a"), OUTSIDE)
    assert (stopped.namespaces, stopped.user) == (("user",), UserMapping(ids, ids))
    living = compile_archive(spec(**USER), op.StatPath("/a"), INSIDE)
    assert (living.namespaces, living.user) == ((), None)
    assert "BecomeRoot" in kinds(stopped)
    assert "BecomeRoot" in kinds(living)
    path = spec(**{"linux.namespaces": [*OWN, {"type": "user", "path": "/proc/1/ns/user"}]})
    assert compile_archive(path, op.StatPath("/a"), OUTSIDE).joined == (Join("user", "/proc/1/ns/user"),)
    assert compile_export(path, INSIDE).joined == ()
