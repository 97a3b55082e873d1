"""`linux.resources`: what is read, and what is refused by its JSON path."""

from collections.abc import Callable
from typing import Any

import pytest

from containerd_py.errors import InvalidArgument
from containerd_py.runtime.spec.models import Spec
from containerd_py.runtime.spec.resources import parse_resources
from containerd_py.runtime.spec.validate import validate
from containerd_py.runtime.spec.validate.resources import check

MakeSpec = Callable[[dict[str, Any]], Spec]

DISK = {"major": 8, "minor": 0}
RIGHT: dict[str, Any] = {  # the examples of config-linux.md, but for the device list
    "memory": {
        "limit": 536870912,
        "reservation": 536870912,
        "swap": 536870912,
        "kernel": -1,
        "kernelTCP": -1,
        "swappiness": 0,
        "disableOOMKiller": False,
        "useHierarchy": True,
        "checkBeforeUpdate": True,
    },
    "cpu": {
        "shares": 1024,
        "quota": 1000000,
        "burst": 1000000,
        "period": 500000,
        "realtimeRuntime": 950000,
        "realtimePeriod": 1000000,
        "cpus": "2-3",
        "mems": "0-7",
        "idle": 0,
    },
    "pids": {"limit": 32771},
    "blockIO": {
        "weight": 10,
        "leafWeight": 10,
        "weightDevice": [DISK | {"weight": 500, "leafWeight": 300}, {"major": 8, "minor": 16, "weight": 500}],
        "throttleReadBpsDevice": [DISK | {"rate": 600}],
        "throttleWriteIOPSDevice": [DISK | {"rate": 300}],
    },
    "hugepageLimits": [{"pageSize": "2MB", "limit": 209715200}, {"pageSize": "64KB", "limit": 1000000}],
    "network": {"classID": 1048577, "priorities": [{"name": "eth0", "priority": 500}]},
    "rdma": {"mlx5_1": {"hcaHandles": 3, "hcaObjects": 10000}, "rxe3": {"hcaObjects": 10000}},
    "unified": {"io.max": "259:0 rbps=2097152 wiops=120\n253:0 rbps=2097152", "hugetlb.1GB.max": "1073741824"},
    "devices": [{"allow": False, "access": "rwm"}, {"allow": True, "type": "c", "major": 10, "minor": 229, "access": "rw"}],
}


@pytest.mark.parametrize("part", RIGHT)
def test_what_is_right_passes_in_a_document_and_alone(make_spec: MakeSpec, part: str) -> None:
    asked = {part: RIGHT[part]}
    spec = make_spec({"linux.resources": asked})
    validate(spec)
    check(parse_resources(asked))
    assert spec.document()["linux"]["resources"] == asked


@pytest.mark.parametrize("cpus", ["", "0", "0-3,7", "0-15:2/4", "1,3-4,9"])
def test_lists_of_cpus(cpus: str) -> None:
    parse_resources({"cpu": {"cpus": cpus}})


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ([], "document: "),
        ({"disk": {}}, "disk: Extra inputs are not permitted"),
        ({"memory": {"limits": 1}}, "memory.limits: Extra inputs are not permitted"),
        ({"memory": {"limit": "1g"}}, "memory.limit: Input should be a valid integer"),
        ({"memory": {"limit": 1.5}}, "memory.limit: Input should be a valid integer"),
        ({"memory": {"limit": True}}, "memory.limit: Input should be a valid integer"),
        ({"memory": {"limit": -2}}, "memory.limit: Input should be greater than or equal to -1"),
        ({"memory": {"swap": 2**63}}, "memory.swap: Input should be less than or equal to"),
        ({"memory": {"swappiness": 101}}, "memory.swappiness: Input should be less than or equal to 100"),
        ({"memory": {"disableOOMKiller": 1}}, "memory.disableOOMKiller: Input should be a valid boolean"),
        ({"cpu": {"shares": -1}}, "cpu.shares: Input should be greater than or equal to 0"),
        ({"cpu": {"cpus": "a-b"}}, "cpu.cpus: String should match pattern"),
        ({"cpu": {"cpus": "0\n"}}, "cpu.cpus: String should match pattern"),
        ({"cpu": {"mems": "0,,1"}}, "cpu.mems: String should match pattern"),
        ({"cpu": {"idle": 2}}, "cpu.idle: Input should be less than or equal to 1"),
        ({"pids": {"limit": "many"}}, "pids.limit: Input should be a valid integer"),
        ({"blockIO": {"weight": 1001}}, "blockIO.weight: Input should be less than or equal to 1000"),
        ({"blockIO": {"weightDevice": [{"major": 8}]}}, "blockIO.weightDevice.0.minor: Field required"),
        ({"blockIO": {"throttleReadIOPSDevice": [DISK]}}, "blockIO.throttleReadIOPSDevice.0.rate: Field required"),
        (
            {"blockIO": {"throttleReadBpsDevice": [{"major": -1, "minor": 0, "rate": 1}]}},
            "blockIO.throttleReadBpsDevice.0.major",
        ),
        ({"hugepageLimits": [{"pageSize": "2mb", "limit": 1}]}, "hugepageLimits.0.pageSize: String should match pattern"),
        (
            {"hugepageLimits": [{"pageSize": "../2MB", "limit": 1}]},
            "hugepageLimits.0.pageSize: String should match pattern",
        ),
        ({"network": {"classID": 2**32}}, "network.classID: Input should be less than or equal to"),
        ({"network": {"priorities": [{"name": "a b", "priority": 1}]}}, "network.priorities.0.name: String should match"),
        ({"rdma": {"mlx 5": {"hcaHandles": 1}}}, "rdma.mlx 5"),
        ({"rdma": {"mlx5": {"hcaHandles": -1}}}, "rdma.mlx5.hcaHandles: Input should be greater than or equal to 0"),
        ({"unified": {"memory.high": 5}}, "unified.memory.high: Input should be a valid string"),
        ({"devices": [{"allow": True, "access": "rwx"}]}, "devices.0.access: Input should be letters of 'rwm'"),
    ],
)
def test_what_cannot_be_read_is_told_by_its_path(asked: object, told: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        parse_resources(asked)
    assert caught.value.message.startswith(f"cannot read resources: {told}")
    assert caught.value.step == "parse"


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({"memory": {"limit": 2, "swap": 1}}, "memory.swap: is memory and swap together: 1 is below memory.limit, 2"),
        ({"cpu": {"quota": 5, "burst": 6}}, "cpu.burst: 6 is above cpu.quota, 5"),
        ({"cpu": {"realtimeRuntime": 6, "realtimePeriod": 5}}, "cpu.realtimeRuntime: 6 is above cpu.realtimePeriod, 5"),
        (
            {"cpu": {"idle": 1, "shares": 5}},
            "cpu.shares: an idle group (cpu.idle 1) has the least weight, and takes no other",
        ),
        ({"blockIO": {"weight": 9}}, "blockIO.weight: 9 is below 10"),
        ({"blockIO": {"leafWeight": 9}}, "blockIO.leafWeight: 9 is below 10"),
        ({"blockIO": {"weightDevice": [DISK]}}, "blockIO.weightDevice.0: needs weight or leafWeight"),
        ({"blockIO": {"weightDevice": [DISK | {"weight": 1}]}}, "blockIO.weightDevice.0.weight: 1 is below 10"),
        ({"hugepageLimits": [{"pageSize": "2MB", "limit": 1}] * 2}, "hugepageLimits: 2MB is given twice"),
        ({"rdma": {"mlx5": {}}}, "rdma.mlx5: needs hcaHandles or hcaObjects"),
        ({"devices": [{"allow": True, "major": 2**32}]}, "devices.0.major: 4294967296 is no device number"),
        ({"devices": [{"allow": True, "access": "rwa"}]}, "devices.0.access: 'rwa' is no access to allow: name those"),
        ({"devices": [{"allow": True, "minor": -2}]}, "devices.0.minor: -2 is no device number"),
        ({"unified": {"memory": "1"}}, "unified.memory: must be a control file of cgroup v2, CONTROLLER.PARAMETER"),
        ({"unified": {"../memory.high": "1"}}, "unified.../memory.high: must be a control file of cgroup v2"),
        ({"unified": {".high": "1"}}, "unified..high: must be a control file of cgroup v2"),
        ({"unified": {"memory.": "1"}}, "unified.memory.: must be a control file of cgroup v2"),
        ({"unified": {"cgroup.procs": "0"}}, "unified.cgroup.procs: is no limit"),
        ({"unified": {"cgroup.kill": "1"}}, "unified.cgroup.kill: is no limit"),
        ({"unified": {"memory.high": " \n"}}, "unified.memory.high: is empty"),
    ],
)
def test_a_contradiction_is_told_by_its_path(make_spec: MakeSpec, asked: dict[str, Any], told: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        check(parse_resources(asked))
    assert caught.value.message.startswith(f"cannot use resources: {told}")
    with pytest.raises(InvalidArgument) as caught:
        validate(make_spec({"linux.resources": asked}))
    assert caught.value.message.startswith(f"cannot use OCI document: linux.resources.{told}")


def test_problems_are_told_together() -> None:
    with pytest.raises(InvalidArgument, match=r"memory\.swap: .*; blockIO\.weight: "):
        check(parse_resources({"memory": {"limit": 2, "swap": 1}, "blockIO": {"weight": 9}}))
