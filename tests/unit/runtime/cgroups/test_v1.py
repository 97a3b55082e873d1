"""Resources become the text of control files of cgroup v1."""

import pytest

from containerd_py.errors import NotSupported
from containerd_py.runtime.cgroups.controllers import V1_CONTROLLERS
from containerd_py.runtime.cgroups.resources import (
    BlockIo,
    Cpu,
    Cpuset,
    DeviceRule,
    FileValue,
    HugepageLimit,
    Memory,
    RdmaLimit,
    Resources,
    Throttle,
    WeightDevice,
)
from containerd_py.runtime.cgroups.v1 import cpuset

Written = list[tuple[str, str]]


def nothing(_name: str) -> None:
    """A cgroup without control files."""


def written(controller: str, resources: Resources, there: dict[str, str] | None = None) -> Written:
    return [(value.name, value.text) for value in V1_CONTROLLERS[controller](resources, (there or {}).get)]


@pytest.mark.parametrize("controller", V1_CONTROLLERS)
def test_where_nothing_is_asked_nothing_is_written(controller: str) -> None:
    assert written(controller, Resources()) == []


@pytest.mark.parametrize(("limit", "text"), [(-1, "max"), (0, "0"), (128, "128")])
def test_pids(limit: int, text: str) -> None:
    assert written("pids", Resources(pids_limit=limit)) == [("pids.max", text)]


@pytest.mark.parametrize(
    ("cpu", "expected"),
    [
        (Cpu(shares=1024), [("cpu.shares", "1024")]),
        (Cpu(quota=-1), [("cpu.cfs_quota_us", "-1")]),
        (
            Cpu(quota=50000, period=100000, burst=0),
            [("cpu.cfs_period_us", "100000"), ("cpu.cfs_burst_us", "0"), ("cpu.cfs_quota_us", "50000")],
        ),
        (Cpu(idle=1), [("cpu.idle", "1")]),
        (
            Cpu(realtime_runtime=950000, realtime_period=1000000),
            [("cpu.rt_period_us", "1000000"), ("cpu.rt_runtime_us", "950000")],
        ),
    ],
)
def test_cpu(cpu: Cpu, expected: Written) -> None:
    assert written("cpu", Resources(cpu=cpu)) == expected


def test_values_of_cpu_that_bound_each_other_wait() -> None:
    every = Cpu(1024, 1, 1, 1, 1, 1, 0)
    values = V1_CONTROLLERS["cpu"](Resources(cpu=every), nothing)
    assert [value.name for value in values if not value.waits] == ["cpu.shares", "cpu.idle"]
    assert [value.name for value in values if value.kept] == ["cpu.shares"]


@pytest.mark.parametrize(
    ("there", "expected"),
    [
        ({"cpuset.cpus": "", "cpuset.mems": ""}, [("cpuset.cpus", "0-1"), ("cpuset.mems", "0")]),
        ({"cpus": "", "mems": ""}, [("cpus", "0-1"), ("mems", "0")]),
    ],
)
def test_cpuset(there: dict[str, str], expected: Written) -> None:
    assert written("cpuset", Resources(cpuset=Cpuset("0-1", "0")), there) == expected


def test_one_list_of_cpuset() -> None:
    assert written("cpuset", Resources(cpuset=Cpuset(mems="0")), {"cpuset.mems": ""}) == [("cpuset.mems", "0")]


@pytest.mark.parametrize(
    ("there", "parent", "expected"),
    [
        ({"cpuset.cpus": "", "cpuset.mems": ""}, {"cpuset.cpus": "0-3", "cpuset.mems": "0"}, ["0-3", "0"]),
        ({"cpuset.cpus": "1", "cpuset.mems": ""}, {"cpuset.cpus": "0-3", "cpuset.mems": "0-1"}, ["0-1"]),
        ({"cpuset.cpus": "1", "cpuset.mems": "0"}, {"cpuset.cpus": "0-3", "cpuset.mems": "0"}, []),
        ({"cpus": "", "mems": ""}, {"cpus": "0", "mems": "0"}, ["0", "0"]),
    ],
)
def test_empty_lists_of_cpuset_are_the_parents(there: dict[str, str], parent: dict[str, str], expected: list[str]) -> None:
    assert [value.text for value in cpuset.inherited(there.get, parent.get)] == expected


LIMIT, BOTH = "memory.limit_in_bytes", "memory.memsw.limit_in_bytes"


@pytest.mark.parametrize(
    ("memory", "there", "expected"),
    [
        (Memory(limit=4096), {}, [(LIMIT, "4096")]),
        (Memory(limit=4096, swap=8192), {}, [(LIMIT, "4096"), (BOTH, "8192")]),
        (Memory(swap=8192), {}, [(BOTH, "8192")]),
        (Memory(limit=4096, swap=-1), {}, [(LIMIT, "4096"), (BOTH, "-1")]),
        (Memory(limit=-1), {BOTH: "8192"}, [(LIMIT, "-1"), (BOTH, "-1")]),
        (Memory(limit=-1), {}, [(LIMIT, "-1")]),
        (Memory(reservation=4096), {}, [("memory.soft_limit_in_bytes", "4096")]),
        (Memory(reservation=-1), {}, [("memory.soft_limit_in_bytes", "-1")]),
        (
            Memory(kernel=1, kernel_tcp=2),
            {},
            [("memory.kmem.limit_in_bytes", "1"), ("memory.kmem.tcp.limit_in_bytes", "2")],
        ),
        (Memory(swappiness=0), {}, [("memory.swappiness", "0")]),
        (Memory(oom_kill_disable=True), {}, [("memory.oom_control", "1")]),
        (Memory(oom_kill_disable=False), {}, [("memory.oom_control", "0")]),
        (Memory(use_hierarchy=True), {}, [("memory.use_hierarchy", "1")]),
    ],
)
def test_memory(memory: Memory, there: dict[str, str], expected: Written) -> None:
    assert written("memory", Resources(memory=memory), there) == expected


def test_limits_of_memory_wait_for_each_other() -> None:
    values = V1_CONTROLLERS["memory"](Resources(memory=Memory(1, 1, 1, kernel=1)), nothing)
    assert [value.name for value in values if value.waits] == [LIMIT, BOTH]
    assert [value.name for value in values if value.kept] == ["memory.kmem.limit_in_bytes"]


def test_memory_is_hierarchical() -> None:
    with pytest.raises(NotSupported, match=r"cannot set memory\.useHierarchy to false"):
        written("memory", Resources(memory=Memory(use_hierarchy=False)))


@pytest.mark.parametrize(
    ("there", "prefix"), [({"blkio.weight": "500"}, "blkio.weight"), ({"blkio.bfq.weight": "100"}, "blkio.bfq.weight")]
)
def test_weights_of_block_io(there: dict[str, str], prefix: str) -> None:
    block = BlockIo(500, 300, (WeightDevice("8:0", 10), WeightDevice("8:16", leaf_weight=20)))
    assert written("blkio", Resources(block_io=block), there) == [
        (prefix, "500"),
        ("blkio.leaf_weight", "300"),
        (f"{prefix}_device", "8:0 10"),
        ("blkio.leaf_weight_device", "8:16 20"),
    ]


def test_rates_of_block_io() -> None:
    throttles = tuple(Throttle(kind, "8:0", rate) for kind, rate in (("rbps", 1), ("wbps", 0), ("riops", 2), ("wiops", 3)))
    assert written("blkio", Resources(block_io=BlockIo(throttles=throttles))) == [
        ("blkio.throttle.read_bps_device", "8:0 1"),
        ("blkio.throttle.write_bps_device", "8:0 0"),
        ("blkio.throttle.read_iops_device", "8:0 2"),
        ("blkio.throttle.write_iops_device", "8:0 3"),
    ]


def test_hugetlb() -> None:
    assert V1_CONTROLLERS["hugetlb"](Resources(hugepages=(HugepageLimit("2MB", 4096),)), nothing) == (
        FileValue("hugetlb.2MB.limit_in_bytes", "4096", place="linux.resources.hugepageLimits.0.pageSize"),
        FileValue(
            "hugetlb.2MB.rsvd.limit_in_bytes", "4096", optional=True, place="linux.resources.hugepageLimits.0.pageSize"
        ),
    )


def test_network() -> None:
    resources = Resources(net_class=0x100001, net_priorities=(("lo", 5), ("eth0", 0)))
    assert written("net_cls", resources) == [("net_cls.classid", "1048577")]
    assert written("net_prio", resources) == [("net_prio.ifpriomap", "lo 5"), ("net_prio.ifpriomap", "eth0 0")]


def test_rdma() -> None:
    limits = (RdmaLimit("mlx5_1", 3, 10000), RdmaLimit("mlx4_0", objects=0))
    assert written("rdma", Resources(rdma=limits)) == [
        ("rdma.max", "mlx5_1 hca_handle=3 hca_object=10000"),
        ("rdma.max", "mlx4_0 hca_object=0"),
    ]


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        (DeviceRule(allow=False), ("devices.deny", "a")),
        (DeviceRule(allow=True), ("devices.allow", "a")),
        (DeviceRule(allow=True, kind="c", major=10, minor=229), ("devices.allow", "c 10:229 rwm")),
        (DeviceRule(allow=True, kind="b", major=8, access="r"), ("devices.allow", "b 8:* r")),
        (DeviceRule(allow=False, kind="c", access="w"), ("devices.deny", "c *:* w")),
        (DeviceRule(allow=True, kind="c", major=0, minor=0), ("devices.allow", "c 0:0 rwm")),
    ],
)
def test_a_device_rule(rule: DeviceRule, expected: tuple[str, str]) -> None:
    assert written("devices", Resources(devices=(rule,)))[0] == expected


def test_rules_keep_their_order_and_the_default_devices_come_last() -> None:
    """The last rule counts: a list that denies everything must still leave /dev/null and terminals."""
    rules = (DeviceRule(allow=False), DeviceRule(allow=True, kind="c", major=10, minor=200))
    found = [(name.removeprefix("devices."), text) for name, text in written("devices", Resources(devices=rules))]
    assert found == [
        ("deny", "a"),
        ("allow", "c 10:200 rwm"),
        ("allow", "c *:* m"),
        ("allow", "b *:* m"),
        *(("allow", f"c 1:{minor} rwm") for minor in (3, 5, 7, 8, 9)),
        *(("allow", f"c 5:{minor} rwm") for minor in (0, 1, 2)),
        ("allow", "c 136:* rwm"),
    ]
