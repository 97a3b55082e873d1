"""Resources become the text of control files of cgroup v2, converted where v1 counted otherwise."""

import pytest

from containerd_py.errors import Conflict, ContainerdError, InvalidArgument, NotSupported
from containerd_py.runtime.cgroups.controllers import V2_CONTROLLERS
from containerd_py.runtime.cgroups.resources import (
    BlockIo,
    Cpu,
    Cpuset,
    FileValue,
    HugepageLimit,
    Memory,
    RdmaLimit,
    Resources,
    Throttle,
    WeightDevice,
)
from containerd_py.runtime.cgroups.v2 import cpu as v2_cpu
from containerd_py.runtime.cgroups.v2 import io, unified

Written = list[tuple[str, str]]


def nothing(_name: str) -> None:
    """A cgroup without control files."""


def written(controller: str, resources: Resources, there: dict[str, str] | None = None) -> Written:
    return [(value.name, value.text) for value in V2_CONTROLLERS[controller].values(resources, (there or {}).get)]


@pytest.mark.parametrize("controller", V2_CONTROLLERS)
def test_where_nothing_is_asked_nothing_is_written(controller: str) -> None:
    assert written(controller, Resources()) == []


@pytest.mark.parametrize(
    ("shares", "weight"),
    # the ends and the middle are the cases of TestConvertCPUSharesToCgroupV2Value in opencontainers/cgroups
    [(1, 1), (2, 1), (3, 2), (4, 2), (10, 4), (64, 12), (512, 59), (1000, 99), (1024, 100), (2048, 174), (8192, 532),
     (100000, 4340), (262143, 10000), (262144, 10000), (2**64 - 1, 10000)],
)  # fmt: skip
def test_shares_become_a_weight(shares: int, weight: int) -> None:
    assert v2_cpu.weight(shares) == weight


def test_weights_rise_with_shares() -> None:
    weights = [v2_cpu.weight(shares) for shares in range(2, 262145, 7)]
    assert weights == sorted(weights)
    assert (weights[0], v2_cpu.weight(262144)) == (1, 10000)


@pytest.mark.parametrize(
    ("cpu", "there", "expected"),
    [
        (Cpu(shares=1024), {}, [("cpu.weight", "100")]),
        (Cpu(quota=50000), {}, [("cpu.max", "50000")]),
        (Cpu(quota=50000, period=25000), {}, [("cpu.max", "50000 25000")]),
        (Cpu(quota=-1), {}, [("cpu.max", "max")]),
        (Cpu(quota=-1, period=1000), {}, [("cpu.max", "max 1000")]),
        (Cpu(period=1000), {"cpu.max": "max 100000"}, [("cpu.max", "max 1000")]),
        (Cpu(period=1000), {"cpu.max": "5000 100000"}, [("cpu.max", "5000 1000")]),
        (Cpu(period=1000), {}, [("cpu.max", "max 1000")]),
        (Cpu(burst=10), {}, [("cpu.max.burst", "10")]),
        (Cpu(burst=0, quota=1000), {}, [("cpu.max.burst", "0"), ("cpu.max", "1000")]),
        (Cpu(idle=0, shares=2), {}, [("cpu.idle", "0"), ("cpu.weight", "1")]),
        (Cpu(idle=1), {}, [("cpu.idle", "1")]),
    ],
)
def test_cpu(cpu: Cpu, there: dict[str, str], expected: Written) -> None:
    assert written("cpu", Resources(cpu=cpu), there) == expected


@pytest.mark.parametrize("cpu", [Cpu(realtime_runtime=1), Cpu(realtime_period=1)])
def test_there_is_no_realtime(cpu: Cpu) -> None:
    with pytest.raises(NotSupported, match="cannot limit realtime CPU time"):
        written("cpu", Resources(cpu=cpu))


def test_cpuset() -> None:
    assert written("cpuset", Resources(cpuset=Cpuset("0-1", "0"))) == [("cpuset.cpus", "0-1"), ("cpuset.mems", "0")]


MAX, SWAP = "memory.max", "memory.swap.max"


@pytest.mark.parametrize(
    ("memory", "there", "expected"),
    [
        (Memory(limit=4096), {}, [(MAX, "4096")]),
        (Memory(limit=4096), {MAX: "max", SWAP: "max"}, [(MAX, "4096")]),
        (Memory(limit=4096), {MAX: "8192", SWAP: "max"}, [(MAX, "4096")]),
        (Memory(limit=4096), {MAX: "8192", SWAP: "0"}, [(SWAP, "4096"), (MAX, "4096")]),
        (Memory(limit=8192), {MAX: "4096", SWAP: "4096"}, [(SWAP, "0"), (MAX, "8192")]),
        (Memory(limit=4096, swap=12288), {}, [(SWAP, "8192"), (MAX, "4096")]),
        (Memory(limit=4096, swap=4096), {}, [(SWAP, "0"), (MAX, "4096")]),
        (Memory(limit=4096, swap=-1), {}, [(SWAP, "max"), (MAX, "4096")]),
        (Memory(limit=-1), {MAX: "4096", SWAP: "0"}, [(SWAP, "max"), (MAX, "max")]),
        (Memory(limit=-1, swap=8192), {}, [(SWAP, "8192"), (MAX, "max")]),
        (Memory(swap=-1), {}, [(SWAP, "max")]),
        (Memory(swap=8192), {MAX: "4096"}, [(SWAP, "4096")]),
        (Memory(reservation=4096), {}, [("memory.low", "4096")]),
        (Memory(reservation=-1), {}, [("memory.low", "max")]),
        (Memory(oom_kill_disable=False, use_hierarchy=True, kernel_tcp=-1), {}, []),
        (Memory(limit=4097, check_before_update=True), {"memory.current": "4096"}, [(MAX, "4097")]),
        (Memory(limit=1, check_before_update=True), {}, [(MAX, "1")]),
    ],
)
def test_memory(memory: Memory, there: dict[str, str], expected: Written) -> None:
    assert written("memory", Resources(memory=memory), there) == expected


@pytest.mark.parametrize(
    ("memory", "there", "kind", "told"),
    [
        (Memory(swap=8192), {}, InvalidArgument, "cannot limit memory.swap: it is memory and swap together"),
        (Memory(swap=8192), {MAX: "max"}, InvalidArgument, "cannot limit memory.swap: it is memory and swap together"),
        (
            Memory(swap=4096),
            {MAX: "8192"},
            InvalidArgument,
            "cannot limit memory to 8192: memory and swap together are limited to",
        ),
        (Memory(limit=9000), {MAX: "4096", SWAP: "4096"}, InvalidArgument, "cannot limit memory to 9000"),
        (Memory(4096, check_before_update=True), {"memory.current": "4096"}, Conflict, "cannot set memory.limit to 4096"),
        (
            Memory(swap=1, limit=-1, check_before_update=True),
            {"memory.current": "4096"},
            Conflict,
            "cannot set memory.swap to 1: 4096 bytes are in use",
        ),
        (Memory(swappiness=1), {}, NotSupported, "cannot set memory.swappiness: "),
        (Memory(oom_kill_disable=True), {}, NotSupported, "cannot set memory.disableOOMKiller: "),
        (Memory(use_hierarchy=False), {}, NotSupported, "cannot set memory.useHierarchy (false): "),
        (Memory(kernel=1), {}, NotSupported, "cannot set memory.kernel: "),
        (Memory(kernel_tcp=1), {}, NotSupported, "cannot set memory.kernelTCP: "),
    ],
)
def test_memory_that_is_refused(memory: Memory, there: dict[str, str], kind: type[ContainerdError], told: str) -> None:
    with pytest.raises(kind) as caught:
        written("memory", Resources(memory=memory), there)
    assert caught.value.message.startswith(told)


@pytest.mark.parametrize(("swap", "optional"), [(4096, True), (-1, True), (8192, False)])
def test_without_swap_accounting_only_what_it_does_anyway_can_be_asked(swap: int, optional: bool) -> None:  # noqa: FBT001
    values = V2_CONTROLLERS["memory"].values(Resources(memory=Memory(limit=4096, swap=swap)), nothing)
    assert [value.optional for value in values] == [optional, False]


@pytest.mark.parametrize(("blkio", "weight"), [(10, 1), (11, 11), (100, 910), (500, 4950), (1000, 10000)])
def test_a_blkio_weight_becomes_an_io_weight(blkio: int, weight: int) -> None:
    assert io.weight(blkio) == weight


@pytest.mark.parametrize(
    ("there", "expected"),
    [
        ({"io.bfq.weight": "default 100"}, [("io.bfq.weight", "500"), ("io.bfq.weight", "8:0 10")]),
        ({}, [("io.weight", "4950"), ("io.weight", "8:0 1")]),
    ],
)
def test_weights_of_io(there: dict[str, str], expected: Written) -> None:
    block = BlockIo(500, weight_devices=(WeightDevice("8:0", 10),))
    assert written("blkio", Resources(block_io=block), there) == expected


def test_rates_of_io() -> None:
    throttles = (Throttle("rbps", "8:0", 1024), Throttle("wiops", "8:16", 0))
    assert written("blkio", Resources(block_io=BlockIo(throttles=throttles))) == [
        ("io.max", "8:0 rbps=1024"),
        ("io.max", "8:16 wiops=max"),
    ]


@pytest.mark.parametrize("block", [BlockIo(leaf_weight=10), BlockIo(weight_devices=(WeightDevice("8:0", 10, 10),))])
def test_there_are_no_leaf_weights(block: BlockIo) -> None:
    with pytest.raises(NotSupported, match=r"cannot set blockIO\.leafWeight"):
        written("blkio", Resources(block_io=block))


def test_hugetlb() -> None:
    assert V2_CONTROLLERS["hugetlb"].values(Resources(hugepages=(HugepageLimit("1GB", 0),)), nothing) == (
        FileValue("hugetlb.1GB.max", "0", place="linux.resources.hugepageLimits.0.pageSize"),
        FileValue("hugetlb.1GB.rsvd.max", "0", optional=True, place="linux.resources.hugepageLimits.0.pageSize"),
    )


def test_pids_and_rdma_are_as_in_v1() -> None:
    resources = Resources(pids_limit=-1, rdma=(RdmaLimit("mlx5_1", 3),))
    assert written("pids", resources) == [("pids.max", "max")]
    assert written("rdma", resources) == [("rdma.max", "mlx5_1 hca_handle=3")]


def test_unified_is_written_line_by_line() -> None:
    resources = Resources(
        unified=(("io.max", "8:0 rbps=1\n\n8:16 wiops=2\n"), ("memory.high", "4096"), ("cgroup.max.depth", "1"))
    )
    assert [(value.name, value.text) for value in unified.values(resources)] == [
        ("io.max", "8:0 rbps=1"),
        ("io.max", "8:16 wiops=2"),
        ("memory.high", "4096"),
        ("cgroup.max.depth", "1"),
    ]
    assert unified.controllers(resources) == ("io", "memory")
