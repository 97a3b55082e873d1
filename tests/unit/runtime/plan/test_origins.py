"""Each operation knows the field of the document that asks for it, so that the failure of a step names its JSON path."""

import copy
from typing import Any

import pytest

from containerd_py.runtime.plan import operations as op
from containerd_py.runtime.plan.compiler import Placing, compile_exec, compile_plan
from containerd_py.runtime.plan.plan import Join, Plan, Source, UserMapping, decode
from containerd_py.runtime.seccomp.compile import compile_profile
from containerd_py.runtime.spec.models import Spec, parse
from containerd_py.runtime.spec.validate import validate
from tests.unit.runtime.plan.test_every_field import BASE

OF_EVERY_CONTAINER = {
    *(op.JoinCgroup, op.ResetProcess, op.OpenProcfs, op.AwaitParent, op.PivotRoot),
    *(op.CloseOnExec, op.ResetSignals, op.AwaitStart, op.EnterRoot),
}
PLACING = Placing("/srv/root", "box", 1)

KINDS = [{"type": kind} for kind in ("pid", "ipc", "uts", "cgroup", "time")]


def changed(**linux: Any) -> dict[str, Any]:
    document = copy.deepcopy(BASE)
    document["linux"] |= linux
    return document


DOCUMENTS = {
    "in a user namespace": BASE,
    "beside its devices": changed(
        namespaces=[{"type": "mount"}, {"type": "network", "path": "/n"}, *KINDS],
        uidMappings=[],
        gidMappings=[],
        rootfsPropagation="shared",
        netDevices={},
    ),
}


def read(document: dict[str, Any]) -> Spec:
    spec = parse(document)
    validate(spec)
    return spec


def plan_of(document: dict[str, Any]) -> Plan:
    spec = read(document)
    assert spec.linux.seccomp
    return compile_plan(spec, PLACING, compile_profile(spec.linux.seccomp))


def value_at(document: Any, path: str) -> Any:
    """Follow a JSON path. A key may have dots in it."""
    rest = path.split(".")
    while rest:
        if isinstance(document, list):
            document = document[int(rest.pop(0))]
            continue
        size = next(size for size in range(1, len(rest) + 1) if ".".join(rest[:size]) in document)
        document = document[".".join(rest[:size])]
        rest = rest[size:]
    return document


@pytest.mark.parametrize("document", DOCUMENTS.values(), ids=DOCUMENTS)
def test_every_operation_names_a_field_of_the_document(document: dict[str, Any]) -> None:
    plan = plan_of(document)
    for operation in plan.operations:
        if type(operation) not in OF_EVERY_CONTAINER:
            value_at(document, operation.origin)
    for origin in (*(source.origin for source in plan.sources), *(join.origin for join in plan.joined)):
        value_at(document, origin)


def test_of_a_further_process_too() -> None:
    spec = read(BASE)
    assert spec.process
    for operation in compile_exec(spec, spec.process, PLACING, None).operations:
        if type(operation) not in OF_EVERY_CONTAINER:
            value_at(BASE, operation.origin)


def test_which_of_a_list_is_named() -> None:
    plan = plan_of(DOCUMENTS["beside its devices"])
    found = {operation.origin: operation for operation in plan.operations}
    assert isinstance(found["mounts.0"], op.MountFilesystem)
    assert isinstance(found["mounts.2"], op.AttachTree)
    assert isinstance(found["linux.maskedPaths.0"], op.MaskPath)
    assert isinstance(found["linux.devices.0"], op.MakeDevice)
    assert isinstance(found["linux.sysctl.net.core.somaxconn"], op.SetSysctl)
    assert isinstance(found["process.rlimits.0"], op.SetRlimit)
    assert isinstance(found["hooks.startContainer.0"], op.RunHooks)
    assert [join.origin for join in plan.joined] == ["linux.namespaces.1.path"]


def test_what_the_host_would_be_asked_for_by_default_has_no_field() -> None:
    document = changed()
    del document["linux"]["rootfsPropagation"]
    found = [one for one in plan_of(document).operations if isinstance(one, op.SetPropagation)]
    assert [one.origin for one in found] == [""]


def test_it_is_for_whoever_tells_of_it_alone() -> None:
    """The worker is not sent it, and what does the same is the same."""
    assert op.MaskPath("/a", origin="linux.maskedPaths.0") == op.MaskPath("/a")
    assert Source("tree0", "/a", recursive=True, origin="mounts.0") == Source("tree0", "/a", recursive=True)
    assert Join("pid", "/a", "linux.namespaces.0") == Join("pid", "/a")
    assert UserMapping((), (), "a", "b") == UserMapping((), ())
    plan = plan_of(BASE)
    assert b"maskedPaths" not in plan.encode()
    assert {operation.origin for operation in decode(plan.encode()).operations} == {""}
