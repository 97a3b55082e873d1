"""What 0, -1 and an absent value of `linux.resources` mean."""

from typing import Any

import pytest

from containerd_py.runtime.cgroups.normalise import normalise
from containerd_py.runtime.cgroups.resources import (
    BlockIo,
    Cpu,
    Cpuset,
    DeviceRule,
    HugepageLimit,
    Memory,
    RdmaLimit,
    Resources,
    Throttle,
    WeightDevice,
)
from containerd_py.runtime.spec.resources import parse_resources

NULL = {"allow": True, "type": "c", "major": 1, "minor": 3}


def test_nothing_asked() -> None:
    assert normalise(None) == Resources()


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({}, Resources()),
        ({"pids": {}}, Resources()),
        ({"pids": {"limit": 5}}, Resources(pids_limit=5)),
        ({"pids": {"limit": 0}}, Resources(pids_limit=1)),
        ({"pids": {"limit": -1}}, Resources(pids_limit=-1)),
        ({"pids": {"limit": -7}}, Resources(pids_limit=-1)),
        ({"memory": {}}, Resources()),
        ({"memory": {"limit": 0, "swap": 0, "reservation": 0, "kernelTCP": 0}}, Resources()),
        ({"memory": {"limit": 4096, "swap": 8192}}, Resources(memory=Memory(limit=4096, swap=8192))),
        ({"memory": {"limit": -1, "swap": -1, "reservation": -1}}, Resources(memory=Memory(-1, -1, -1))),
        ({"memory": {"kernel": -1}}, Resources()),
        ({"memory": {"kernel": 0}}, Resources()),
        ({"memory": {"kernel": 1, "kernelTCP": -1}}, Resources(memory=Memory(kernel=1, kernel_tcp=-1))),
        ({"memory": {"limit": 4096, "kernel": 4096}}, Resources(memory=Memory(4096))),
        ({"memory": {"limit": 4096, "kernel": 4095}}, Resources(memory=Memory(4096, kernel=4095))),
        ({"memory": {"limit": -1, "kernel": 4096}}, Resources(memory=Memory(-1, kernel=4096))),
        ({"memory": {"swappiness": 0}}, Resources(memory=Memory(swappiness=0))),
        ({"memory": {"disableOOMKiller": False}}, Resources(memory=Memory(oom_kill_disable=False))),
        ({"memory": {"useHierarchy": True}}, Resources(memory=Memory(use_hierarchy=True))),
        ({"memory": {"checkBeforeUpdate": True}}, Resources()),
        ({"memory": {"limit": 1, "checkBeforeUpdate": True}}, Resources(memory=Memory(1, check_before_update=True))),
        ({"cpu": {"shares": 0, "quota": 0, "period": 0, "realtimeRuntime": 0, "realtimePeriod": 0}}, Resources()),
        ({"cpu": {"cpus": "", "mems": ""}}, Resources()),
        ({"cpu": {"burst": 0, "idle": 0}}, Resources(cpu=Cpu(burst=0, idle=0))),
        ({"cpu": {"quota": -1}}, Resources(cpu=Cpu(quota=-1))),
        ({"cpu": {"quota": -1000}}, Resources(cpu=Cpu(quota=-1))),
        ({"cpu": {"shares": 512, "quota": 20, "period": 10}}, Resources(cpu=Cpu(shares=512, quota=20, period=10))),
        ({"cpu": {"cpus": "0-1,3", "mems": "0"}}, Resources(cpuset=Cpuset("0-1,3", "0"))),
        ({"blockIO": {"weight": 0, "leafWeight": 0}}, Resources()),
        (
            {"blockIO": {"weight": 10, "weightDevice": [{"major": 8, "minor": 0, "weight": 20, "leafWeight": 0}]}},
            Resources(block_io=BlockIo(10, weight_devices=(WeightDevice("8:0", 20),))),
        ),
        (
            {
                "blockIO": {
                    "throttleReadBpsDevice": [{"major": 8, "minor": 0, "rate": 1}],
                    "throttleWriteBpsDevice": [{"major": 8, "minor": 1, "rate": 2}],
                    "throttleReadIOPSDevice": [{"major": 8, "minor": 2, "rate": 3}],
                    "throttleWriteIOPSDevice": [{"major": 8, "minor": 3, "rate": 0}],
                }
            },
            Resources(
                block_io=BlockIo(
                    throttles=(
                        *(Throttle("rbps", "8:0", 1), Throttle("wbps", "8:1", 2)),
                        *(Throttle("riops", "8:2", 3), Throttle("wiops", "8:3", 0)),
                    )
                )
            ),
        ),
        ({"hugepageLimits": [{"pageSize": "2MB", "limit": 0}]}, Resources(hugepages=(HugepageLimit("2MB", 0),))),
        ({"network": {}}, Resources()),
        ({"network": {"classID": 0}}, Resources()),
        ({"network": {"classID": 0x100001}}, Resources(net_class=0x100001)),
        ({"network": {"priorities": [{"name": "lo", "priority": 0}]}}, Resources(net_priorities=(("lo", 0),))),
        ({"rdma": {"mlx5_1": {"hcaHandles": 3}}}, Resources(rdma=(RdmaLimit("mlx5_1", 3),))),
        ({"unified": {"memory.high": "1"}}, Resources(unified=(("memory.high", "1"),))),
        ({"devices": [{"allow": False}]}, Resources(devices=(DeviceRule(allow=False),))),
        ({"devices": [{"allow": False, "access": "rwa"}]}, Resources(devices=(DeviceRule(allow=False),))),
        ({"devices": [{"allow": True, "type": "a", "access": "mwr"}]}, Resources(devices=(DeviceRule(allow=True),))),
        (
            {"devices": [NULL | {"access": "wr"}]},
            Resources(devices=(DeviceRule(allow=True, kind="c", major=1, minor=3, access="rw"),)),
        ),
        (
            {"devices": [{"allow": False, "type": "b", "major": -1, "minor": -1}]},
            Resources(devices=(DeviceRule(allow=False, kind="b"),)),
        ),
        (
            {"devices": [{"allow": False, "access": "m"}]},
            Resources(devices=tuple(DeviceRule(allow=False, kind=kind, access="m") for kind in ("b", "c"))),
        ),
    ],
)
def test_resources_are_normalised(asked: dict[str, Any], expected: Resources) -> None:
    assert normalise(parse_resources(asked)) == expected


@pytest.mark.parametrize(
    ("resources", "expected"),
    [
        (Resources(), ()),
        (Resources(pids_limit=-1), ("pids",)),
        (Resources(devices=(DeviceRule(allow=False),)), ("devices",)),
        (Resources(cpu=Cpu(shares=2), cpuset=Cpuset("0")), ("cpu", "cpuset")),
        (
            Resources(memory=Memory(limit=1), block_io=BlockIo(10), hugepages=(HugepageLimit("2MB", 1),)),
            ("memory", "blkio", "hugetlb"),
        ),
        (Resources(net_class=1, net_priorities=(("lo", 1),), rdma=(RdmaLimit("a", 1),)), ("net_cls", "net_prio", "rdma")),
        (Resources(unified=(("memory.high", "1"),)), ()),
    ],
)
def test_only_controllers_that_are_needed_are_named(resources: Resources, expected: tuple[str, ...]) -> None:
    assert resources.controllers() == expected
