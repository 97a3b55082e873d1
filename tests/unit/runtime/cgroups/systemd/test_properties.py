"""Resources become properties of a unit: a table of cases for each controller, for cgroup v2 and for v1."""

from typing import Any

import pytest

from containerd_py.errors import InvalidArgument, NotSupported
from containerd_py.light.dataclasses import replace
from containerd_py.runtime.cgroups.resources import (
    BlockIo,
    Cpu,
    Cpuset,
    DeviceRule,
    HugepageLimit,
    Memory,
    Resources,
    Throttle,
    WeightDevice,
)
from containerd_py.runtime.cgroups.systemd.properties import CONTROLLERS, Scope, merged, of_resources, of_scope
from containerd_py.runtime.cgroups.systemd.property import UNLIMITED, Property, Target

V2, V1 = Target(252, unified=True), Target(252, unified=False)
DENY_ALL = DeviceRule(allow=False)
ALWAYS = [
    *[("char-*", "m"), ("block-*", "m"), ("/dev/char/1:3", "rwm"), ("/dev/char/1:5", "rwm"), ("/dev/char/1:7", "rwm")],
    *[("/dev/char/1:8", "rwm"), ("/dev/char/1:9", "rwm"), ("/dev/char/5:0", "rwm"), ("/dev/char/5:1", "rwm")],
    *[("/dev/char/5:2", "rwm"), ("char-136", "rwm")],
]
"""The devices that no container is without."""


def allow(kind: str, major: int | None, minor: int | None, access: str = "rwm") -> DeviceRule:
    return DeviceRule(allow=True, kind=kind, major=major, minor=minor, access=access)


def deny(kind: str, major: int | None, minor: int | None, access: str = "rwm") -> DeviceRule:
    return replace(allow(kind, major, minor, access), allow=False)


Told = list[tuple[str, str, Any]]


def nothing(_name: str) -> None:
    """A cgroup without control files."""


def told(controller: str, resources: Resources, target: Target = V2, there: dict[str, str] | None = None) -> Told:
    found = CONTROLLERS[controller](resources, target, (there or {}).get)
    return [(one.name, one.signature, one.value) for one in found]


@pytest.mark.parametrize("target", [V2, V1])
@pytest.mark.parametrize("controller", CONTROLLERS)
def test_where_nothing_is_asked_nothing_is_told(controller: str, target: Target) -> None:
    assert told(controller, Resources(), target) == []


@pytest.mark.parametrize(
    ("memory", "there", "expected"),
    [
        (Memory(limit=4096), {}, [("MemoryMax", "t", 4096)]),
        (Memory(limit=-1), {}, [("MemoryMax", "t", UNLIMITED), ("MemorySwapMax", "t", UNLIMITED)]),
        (Memory(reservation=4096), {}, [("MemoryLow", "t", 4096)]),
        (Memory(limit=4096, swap=12288), {}, [("MemoryMax", "t", 4096), ("MemorySwapMax", "t", 8192)]),
        (Memory(limit=4096, swap=-1), {}, [("MemoryMax", "t", 4096), ("MemorySwapMax", "t", UNLIMITED)]),
        (Memory(swap=12288), {"memory.max": "4096"}, [("MemorySwapMax", "t", 8192)]),
        # what both are together stays
        (
            Memory(limit=8192),
            {"memory.max": "4096", "memory.swap.max": "8192"},
            [("MemoryMax", "t", 8192), ("MemorySwapMax", "t", 4096)],
        ),
    ],
)
def test_memory(memory: Memory, there: dict[str, str], expected: Told) -> None:
    assert told("memory", Resources(memory=memory), V2, there) == expected


def test_of_memory_on_v1_the_limit_alone() -> None:
    assert told("memory", Resources(memory=Memory(4096, 1024, 8192)), V1) == [("MemoryMax", "t", 4096)]


@pytest.mark.parametrize(
    ("cpu", "target", "there", "expected"),
    [
        (Cpu(shares=1024), V2, {}, [("CPUWeight", "t", 100)]),
        (Cpu(shares=512), V1, {}, [("CPUShares", "t", 512)]),
        (Cpu(shares=1), V1, {}, [("CPUShares", "t", 2)]),
        (Cpu(shares=1 << 20), V1, {}, [("CPUShares", "t", 262144)]),
        (Cpu(idle=1, shares=512), V2, {}, [("CPUWeight", "t", 0)]),
        (Cpu(idle=0), V2, {}, []),
        (Cpu(idle=1), V1, {}, []),
        (Cpu(quota=50_000), V2, {}, [("CPUQuotaPerSecUSec", "t", 500_000)]),
        (
            Cpu(quota=50_000, period=25_000),
            V2,
            {},
            [("CPUQuotaPeriodUSec", "t", 25_000), ("CPUQuotaPerSecUSec", "t", 2_000_000)],
        ),
        (Cpu(quota=-1), V2, {}, [("CPUQuotaPerSecUSec", "t", UNLIMITED)]),
        # whole percent, rounded up
        (Cpu(quota=33_333), V2, {}, [("CPUQuotaPerSecUSec", "t", 340_000)]),
        (Cpu(quota=1_000), V2, {}, [("CPUQuotaPerSecUSec", "t", 10_000)]),
        (
            Cpu(quota=1_000, period=1_000_000),
            V2,
            {},
            [("CPUQuotaPeriodUSec", "t", 1_000_000), ("CPUQuotaPerSecUSec", "t", 10_000)],
        ),
        # of an update that names one of both, the other one is what is there
        (Cpu(quota=30_000), V2, {"cpu.max": "max 60000"}, [("CPUQuotaPerSecUSec", "t", 500_000)]),
        (
            Cpu(period=50_000),
            V2,
            {"cpu.max": "25000 100000"},
            [("CPUQuotaPeriodUSec", "t", 50_000), ("CPUQuotaPerSecUSec", "t", 500_000)],
        ),
        (Cpu(period=50_000), V2, {"cpu.max": "max 100000"}, [("CPUQuotaPeriodUSec", "t", 50_000)]),
        (Cpu(quota=30_000), V1, {"cpu.cfs_period_us": "60000"}, [("CPUQuotaPerSecUSec", "t", 500_000)]),
        (Cpu(burst=1000), V2, {}, []),
    ],
)  # fmt: skip
def test_cpu(cpu: Cpu, target: Target, there: dict[str, str], expected: Told) -> None:
    assert told("cpu", Resources(cpu=cpu), target, there) == expected


@pytest.mark.parametrize(("quota", "period"), [(33_333, 100_000), (1_001, 999_983), (99_999, 100_000), (7, 1_000)])
def test_the_rounded_quota_is_never_less(quota: int, period: int) -> None:
    (_, (_, _, per_second)) = told("cpu", Resources(cpu=Cpu(quota=quota, period=period)))
    assert per_second % 10_000 == 0
    assert quota <= per_second * period / 1_000_000 < quota + period / 100


@pytest.mark.parametrize(
    ("listed", "mask"),
    [("0", b"\x01"), ("0-3", b"\x0f"), ("1,8", b"\x02\x01"), ("7", b"\x80"), ("0-8,10", b"\xff\x05"), ("16", b"\0\0\x01")],
)  # fmt: skip
def test_cpuset(listed: str, mask: bytes) -> None:
    both = Resources(cpuset=Cpuset(cpus=listed, mems=listed))
    assert told("cpuset", both) == [("AllowedCPUs", "ay", mask), ("AllowedMemoryNodes", "ay", mask)]
    assert told("cpuset", both, V1) == []


@pytest.mark.parametrize("target", [V2, V1])
@pytest.mark.parametrize(("limit", "value"), [(20, 20), (1, 1), (-1, UNLIMITED)])
def test_pids(limit: int, value: int, target: Target) -> None:
    assert told("pids", Resources(pids_limit=limit), target) == [("TasksMax", "t", value)]


def test_block_io_on_v2() -> None:
    block = BlockIo(
        weight=10,
        weight_devices=(WeightDevice("8:0", 1000), WeightDevice("8:16", None, 10)),
        throttles=(
            Throttle("rbps", "8:0", 1000),
            Throttle("rbps", "8:16", 0),
            Throttle("wbps", "8:0", 1),
            Throttle("riops", "8:0", 2),
            Throttle("wiops", "8:0", 3),
        ),
    )
    assert told("blkio", Resources(block_io=block)) == [
        ("IOWeight", "t", 1),
        ("IODeviceWeight", "a(st)", [("/dev/block/8:0", 10_000)]),
        ("IOReadBandwidthMax", "a(st)", [("/dev/block/8:0", 1000), ("/dev/block/8:16", UNLIMITED)]),
        ("IOWriteBandwidthMax", "a(st)", [("/dev/block/8:0", 1)]),
        ("IOReadIOPSMax", "a(st)", [("/dev/block/8:0", 2)]),
        ("IOWriteIOPSMax", "a(st)", [("/dev/block/8:0", 3)]),
    ]
    assert told("blkio", Resources(block_io=block), V1) == [
        ("BlockIOWeight", "t", 10),
        ("BlockIODeviceWeight", "a(st)", [("/dev/block/8:0", 1000)]),
        ("BlockIOReadBandwidth", "a(st)", [("/dev/block/8:0", 1000), ("/dev/block/8:16", UNLIMITED)]),
        ("BlockIOWriteBandwidth", "a(st)", [("/dev/block/8:0", 1)]),
    ]


def allowed(*rules: DeviceRule) -> list[tuple[str, str]] | None:
    """Return what is allowed beside the default devices, None where everything is."""
    policy, devices = told("devices", Resources(devices=rules))
    assert policy == ("DevicePolicy", "s", "auto" if devices[2] == [] else "strict")
    if devices[2] == []:
        return None
    assert devices[2][-len(ALWAYS) :] == ALWAYS
    found: list[tuple[str, str]] = devices[2][: -len(ALWAYS)]
    return found


def test_every_allowed_device_is_told() -> None:
    assert allowed(DENY_ALL) == []
    assert allowed(
        DENY_ALL,
        allow("c", 10, 229, "rwm"),
        allow("b", 8, None, "r"),
        allow("c", None, None, "r"),
    ) == [("/dev/char/10:229", "rwm"), ("block-8", "r"), ("char-*", "r")]


def test_the_last_rule_about_everything_counts() -> None:
    assert allowed(DeviceRule(allow=True)) is None
    assert allowed(DENY_ALL, allow("c", 10, 229), DeviceRule(allow=True)) is None
    assert allowed(DENY_ALL, allow("c", 10, 229), DENY_ALL) == []


def test_what_was_allowed_can_be_denied_again() -> None:
    fuse = allow("c", 10, 229, "rwm")
    assert allowed(DENY_ALL, fuse, deny("c", 10, 229, "rwm")) == []
    assert allowed(DENY_ALL, fuse, deny("c", None, None, "w")) == [("/dev/char/10:229", "rm")]
    assert allowed(DENY_ALL, fuse, deny("b", 10, 229, "rwm")) == [("/dev/char/10:229", "rwm")]
    assert allowed(DENY_ALL, fuse, deny("c", 10, 200, "rwm")) == [("/dev/char/10:229", "rwm")]


@pytest.mark.parametrize(
    "rules",
    [
        (deny("c", 10, 229),),
        (DENY_ALL, allow("c", 10, None), deny("c", 10, 229)),
        (DENY_ALL, allow("c", None, 229)),
    ],
)
def test_what_systemd_has_no_word_for_is_refused(rules: tuple[DeviceRule, ...]) -> None:
    with pytest.raises(NotSupported, match=r"linux\.resources\.devices"):
        told("devices", Resources(devices=rules))


def unified(*files: tuple[str, str], version: int = 252) -> dict[str, object]:
    found = of_resources(Resources(unified=files), version, frozenset(), lambda _name: nothing)
    return {one.name: one.value for one in found}


@pytest.mark.parametrize(
    ("file", "text", "expected"),
    [
        ("memory.max", "max", {"MemoryMax": UNLIMITED}),
        ("memory.high", "4096\n", {"MemoryHigh": 4096}),
        ("memory.low", "1", {"MemoryLow": 1}),
        ("memory.min", "1", {"MemoryMin": 1}),
        ("memory.swap.max", "0", {"MemorySwapMax": 0}),
        ("memory.zswap.max", "0", {}),
        ("pids.max", "9", {"TasksMax": 9}),
        ("cpu.weight", "42", {"CPUWeight": 42}),
        ("cpu.idle", "1", {"CPUWeight": 0}),
        ("cpu.max", "max", {"CPUQuotaPeriodUSec": 100_000, "CPUQuotaPerSecUSec": UNLIMITED}),
        ("cpu.max", "1500 5000", {"CPUQuotaPeriodUSec": 5000, "CPUQuotaPerSecUSec": 300_000}),
        ("cpuset.cpus", "0-1", {"AllowedCPUs": b"\x03"}),
        ("cpuset.mems", "0", {"AllowedMemoryNodes": b"\x01"}),
        ("io.weight", "default 50\n8:0 100", {"IOWeight": 50, "IODeviceWeight": [("/dev/block/8:0", 100)]}),
        (
            "io.max",
            "8:0 rbps=max wiops=7",
            {"IOReadBandwidthMax": [("/dev/block/8:0", UNLIMITED)], "IOWriteIOPSMax": [("/dev/block/8:0", 7)]},
        ),
        # the kernel is to refuse these, and files without a property are files only
        ("memory.max", "much", {}),
        ("cpu.max", "1 0", {}),
        ("io.max", "8:0 speed=7", {}),
        ("hugetlb.2MB.max", "0", {}),
        ("memory.oom.group", "1", {}),
    ],
)
def test_unified(file: str, text: str, expected: dict[str, object]) -> None:
    assert unified((file, text)) == expected


def test_unified_counts_above_what_else_is_asked() -> None:
    resources = Resources(pids_limit=9, unified=(("pids.max", "5"),))
    (found,) = of_resources(resources, 252, frozenset(), lambda _name: nothing)
    assert (found.value, found.asked_by) == (5, "linux.resources.unified.pids.max")


def test_a_property_of_a_later_version() -> None:
    assert unified(("memory.zswap.max", "0"), version=253) == {"MemoryZSwapMax": 0}


def test_each_controller_is_told_for_where_it_is_bound_to() -> None:
    resources = Resources(cpu=Cpu(shares=512), pids_limit=3, hugepages=(HugepageLimit("2MB", 0),))
    found = of_resources(resources, 252, frozenset({"cpu"}), lambda _name: nothing)
    assert [(one.name, one.value) for one in found] == [("CPUShares", 512), ("TasksMax", 3)]


def test_an_update_reads_what_is_there_of_its_own_controller() -> None:
    files = {"memory": {"memory.max": "4096"}, "cpu": {"cpu.max": "max 50000"}}
    resources = Resources(memory=Memory(swap=8192), cpu=Cpu(quota=25_000))
    found = of_resources(resources, 252, frozenset(), lambda name: files[name].get)
    assert {one.name: one.value for one in found} == {"MemorySwapMax": 4096, "CPUQuotaPerSecUSec": 500_000}


def test_memory_and_swap_below_memory_is_refused() -> None:
    with pytest.raises(InvalidArgument, match="memory"):
        told("memory", Resources(memory=Memory(limit=8192, swap=4096)))


def test_what_every_scope_is_told() -> None:
    scope = Scope("x.scope", "machine.slice", "container x", after=("a.service",), stop_signal=15, stop_timeout_us=7)
    assert {one.name: one.value for one in of_scope(scope)} == {
        "Description": "container x",
        "Slice": "machine.slice",
        "Delegate": True,
        "CollectMode": "inactive-or-failed",
        "DefaultDependencies": False,
        **dict.fromkeys(("CPUAccounting", "IOAccounting", "MemoryAccounting", "TasksAccounting"), True),
        "TasksMax": UNLIMITED,
        "After": ["a.service"],
        "KillSignal": 15,
        "TimeoutStopUSec": 7,
    }


def test_a_limit_takes_the_place_of_what_every_scope_has() -> None:
    both = merged(of_scope(Scope("x.scope", "s.slice", "x")), [Property("TasksMax", "t", 5)])
    assert [one.value for one in both if one.name == "TasksMax"] == [5]
