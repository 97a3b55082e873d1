"""Whatever a document asks for ends as files to write, or as an error that names what is wrong."""

from collections.abc import Callable
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from containerd_py.errors import ContainerdError
from containerd_py.runtime.cgroups.controllers import V1_CONTROLLERS, V2_CONTROLLERS
from containerd_py.runtime.cgroups.devices.program import assemble
from containerd_py.runtime.cgroups.devices.rules import with_default_devices
from containerd_py.runtime.cgroups.normalise import normalise
from containerd_py.runtime.cgroups.v2 import unified
from containerd_py.runtime.spec.resources import parse_resources
from containerd_py.runtime.spec.validate.resources import check

NUMBER = st.sampled_from([-(2**63), -2, -1, 0, 1, 2, 9, 10, 1000, 1024, 2**31, 2**32, 2**63 - 1, 2**63, 2**64 - 1])
TEXT = st.sampled_from(["", "0", "0-3,7", "a", "8:0 rbps=1\nb", "../x", "max", "\n"])
FLAG = st.booleans()
DISK = {"major": NUMBER, "minor": NUMBER, "rate": NUMBER}


def some(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({}, optional=fields)


def several(items: st.SearchStrategy[Any]) -> st.SearchStrategy[list[Any]]:
    return st.lists(items, max_size=2)


REQUESTS = some(
    memory=some(
        **dict.fromkeys(("limit", "reservation", "swap", "kernel", "kernelTCP", "swappiness"), NUMBER),
        **dict.fromkeys(("disableOOMKiller", "useHierarchy", "checkBeforeUpdate"), FLAG),
    ),
    cpu=some(
        **dict.fromkeys(("shares", "quota", "burst", "period", "realtimeRuntime", "realtimePeriod", "idle"), NUMBER),
        **dict.fromkeys(("cpus", "mems"), TEXT),
    ),
    pids=some(limit=NUMBER),
    blockIO=some(
        weight=NUMBER,
        leafWeight=NUMBER,
        weightDevice=several(some(major=NUMBER, minor=NUMBER, weight=NUMBER, leafWeight=NUMBER)),
        throttleReadBpsDevice=several(some(**DISK)),
        throttleWriteIOPSDevice=several(some(**DISK)),
    ),
    hugepageLimits=several(some(pageSize=st.sampled_from(["2MB", "1GB", "x"]), limit=NUMBER)),
    network=some(classID=NUMBER, priorities=several(some(name=TEXT, priority=NUMBER))),
    rdma=st.dictionaries(TEXT, some(hcaHandles=NUMBER, hcaObjects=NUMBER), max_size=2),
    unified=st.dictionaries(st.sampled_from(["memory.high", "cgroup.procs", "/", "io.max"]), TEXT, max_size=2),
    devices=several(
        some(allow=FLAG, type=st.sampled_from("abcu"), major=NUMBER, minor=NUMBER, access=st.sampled_from(["rwm", "m", ""]))
    ),
)


def refusal(work: Callable[[], object]) -> ContainerdError | None:
    try:
        work()
    except ContainerdError as problem:
        return problem
    return None


@given(REQUESTS, st.dictionaries(st.sampled_from(["memory.max", "memory.swap.max"]), st.sampled_from(["max", "7"])))
def test_any_request(asked: dict[str, Any], there: dict[str, str]) -> None:
    problem = refusal(lambda: check(parse_resources(asked)))
    if problem is not None:
        assert problem.message.startswith(("cannot read resources: ", "cannot use resources: "))
        return
    resources = normalise(parse_resources(asked))
    written = list(unified.values(resources))
    for values in (*V1_CONTROLLERS.values(), *(controller.values for controller in V2_CONTROLLERS.values())):
        problem = refusal(lambda values=values: written.extend(values(resources, there.get)))  # type: ignore[misc]
        assert problem is None or (problem.step == "cgroup" and problem.message.startswith("cannot "))
    assert all(value.text and "\n" not in value.text and "/" not in value.name for value in written)
    assert len(assemble(with_default_devices(resources.devices))) % 8 == 0
