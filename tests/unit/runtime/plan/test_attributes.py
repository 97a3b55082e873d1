"""What the attributes of a process turn into, by tables: each value of the specification has its number."""

from collections.abc import Callable
from typing import Any

import pytest

from containerd_py.runtime.plan import operations as op
from containerd_py.runtime.plan.compiler import Placing, compile_plan
from containerd_py.runtime.plan.compiler.attributes import final_affinity_steps, initial_affinity_steps
from containerd_py.runtime.spec.models import Spec
from containerd_py.runtime.spec.process import RLIMITS, SCHEDULER_FLAGS, SCHEDULER_POLICIES, Process

MakeSpec = Callable[[dict[str, Any]], Spec]

PLACING = Placing("/srv/root", "box", 0)


def steps(spec: Spec, *kinds: type[op.Operation]) -> list[op.Operation]:
    return [operation for operation in compile_plan(spec, PLACING, None).operations if isinstance(operation, kinds)]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"process.oomScoreAdj": 0}, op.SetOomScoreAdj(0)),
        ({"process.oomScoreAdj": -1000}, op.SetOomScoreAdj(-1000)),
        ({"process.apparmorProfile": "box"}, op.SetAppArmorProfile("box")),
        ({"process.selinuxLabel": "u:r:t:s0"}, op.SetSelinuxLabel("u:r:t:s0")),
        (
            {"process.ioPriority": {"class": "IOPRIO_CLASS_RT", "priority": 7}},
            op.SetIoPriority("IOPRIO_CLASS_RT", 1, 7),
        ),
        ({"process.ioPriority": {"class": "IOPRIO_CLASS_BE"}}, op.SetIoPriority("IOPRIO_CLASS_BE", 2, 0)),
        ({"process.ioPriority": {"class": "IOPRIO_CLASS_IDLE"}}, op.SetIoPriority("IOPRIO_CLASS_IDLE", 3, 0)),
        ({"linux.personality": {"domain": "LINUX"}}, op.SetPersonality("LINUX", 0)),
        ({"linux.personality": {"domain": "LINUX32"}}, op.SetPersonality("LINUX32", 8)),
        ({"linux.memoryPolicy": {"mode": "MPOL_DEFAULT"}}, op.SetMemoryPolicy("MPOL_DEFAULT", 0, 0)),
        ({"linux.memoryPolicy": {"mode": "MPOL_LOCAL"}}, op.SetMemoryPolicy("MPOL_LOCAL", 4, 0)),
        ({"linux.memoryPolicy": {"mode": "MPOL_PREFERRED"}}, op.SetMemoryPolicy("MPOL_PREFERRED", 1, 0)),
        (
            {"linux.memoryPolicy": {"mode": "MPOL_BIND", "nodes": "0-2,7", "flags": ["MPOL_F_NUMA_BALANCING"]}},
            op.SetMemoryPolicy("MPOL_BIND", 2 | 1 << 13, 0b1000_0111),
        ),
        (
            {"linux.memoryPolicy": {"mode": "MPOL_INTERLEAVE", "nodes": "65", "flags": ["MPOL_F_STATIC_NODES"] * 2}},
            op.SetMemoryPolicy("MPOL_INTERLEAVE", 3 | 1 << 15, 1 << 65),
        ),
        (
            {"linux.memoryPolicy": {"mode": "MPOL_WEIGHTED_INTERLEAVE", "nodes": "0", "flags": ["MPOL_F_RELATIVE_NODES"]}},
            op.SetMemoryPolicy("MPOL_WEIGHTED_INTERLEAVE", 6 | 1 << 14, 1),
        ),
        (
            {"linux.memoryPolicy": {"mode": "MPOL_PREFERRED_MANY", "nodes": "1"}},
            op.SetMemoryPolicy("MPOL_PREFERRED_MANY", 5, 2),
        ),
        (
            {"process.scheduler": {"policy": "SCHED_BATCH", "nice": -5}},
            op.SetScheduler("SCHED_BATCH", 3, 0, -5, 0, 0, 0, 0),
        ),
        (
            {"process.scheduler": {"policy": "SCHED_RR", "priority": 9, "flags": ["SCHED_FLAG_RESET_ON_FORK"]}},
            op.SetScheduler("SCHED_RR", 2, 1, 0, 9, 0, 0, 0),
        ),
        (
            {"process.scheduler": {"policy": "SCHED_DEADLINE", "runtime": 1024, "deadline": 2048, "period": 4096}},
            op.SetScheduler("SCHED_DEADLINE", 6, 0, 0, 0, 1024, 2048, 4096),
        ),
    ],
)
def test_an_attribute_becomes_a_step(make_spec: MakeSpec, changes: dict[str, Any], expected: op.Operation) -> None:
    assert steps(make_spec(changes), type(expected)) == [expected]
    assert steps(make_spec({}), type(expected)) == []


@pytest.mark.parametrize(
    ("policy", "number"),
    [
        ("SCHED_OTHER", 0),
        ("SCHED_FIFO", 1),
        ("SCHED_RR", 2),
        ("SCHED_BATCH", 3),
        ("SCHED_IDLE", 5),
        ("SCHED_DEADLINE", 6),
        ("SCHED_EXT", 7),
    ],
)
def test_scheduling_policies(make_spec: MakeSpec, policy: str, number: int) -> None:
    (found,) = steps(make_spec({"process.scheduler": {"policy": policy}}), op.SetScheduler)
    assert isinstance(found, op.SetScheduler)
    assert found.policy == number
    assert policy in SCHEDULER_POLICIES


def test_scheduling_flags_have_a_bit_each(make_spec: MakeSpec) -> None:
    flags = SCHEDULER_FLAGS
    (found,) = steps(make_spec({"process.scheduler": {"policy": "SCHED_OTHER", "flags": flags}}), op.SetScheduler)
    assert isinstance(found, op.SetScheduler)
    assert found.flags == 0x7F


def test_limits(make_spec: MakeSpec) -> None:
    limits = [
        {"type": "RLIMIT_NOFILE", "soft": 100, "hard": 200},
        {"type": "RLIMIT_CORE", "soft": 0, "hard": 2**64 - 1},
    ]
    assert steps(make_spec({"process.rlimits": limits}), op.SetRlimit) == [
        op.SetRlimit("RLIMIT_NOFILE", 7, 100, 200),
        op.SetRlimit("RLIMIT_CORE", 4, 0, -1),
    ]


@pytest.mark.parametrize(
    ("soft", "hard", "first", "last"),
    [
        (3, 4096, (64, 4096), (3, 4096)),
        (0, 0, (64, 64), (0, 0)),
        (3, 2**64 - 1, (64, -1), (3, -1)),
        (64, 64, (64, 64), None),
    ],
)
def test_few_descriptors_come_last(
    make_spec: MakeSpec, soft: int, hard: int, first: tuple[int, int], last: tuple[int, int] | None
) -> None:
    """Hard limits are raised while that is allowed; what is too low for the worker itself is for the payload only."""
    spec = make_spec({"process.rlimits": [{"type": "RLIMIT_NOFILE", "soft": soft, "hard": hard}]})
    assert steps(spec, op.SetRlimit) == [op.SetRlimit("RLIMIT_NOFILE", 7, *first)]
    assert [one.descriptors for one in compile_plan(spec, PLACING, None).operations if isinstance(one, op.Exec)] == [last]


@pytest.mark.parametrize("name", RLIMITS)
def test_every_limit_that_is_valid_can_be_compiled(make_spec: MakeSpec, name: str) -> None:
    assert steps(make_spec({"process.rlimits": [{"type": name, "soft": 1, "hard": 1}]}), op.SetRlimit)


def test_attributes_are_set_in_order_before_the_identity_is_given_up(make_spec: MakeSpec) -> None:
    """And limits after everything that opens files, or a small one would be ours to trip over."""
    spec = make_spec(
        {
            "process.oomScoreAdj": 5,
            "process.apparmorProfile": "box",
            "process.rlimits": [{"type": "RLIMIT_NOFILE", "soft": 1, "hard": 1}],
            "process.scheduler": {"policy": "SCHED_IDLE"},
            "process.ioPriority": {"class": "IOPRIO_CLASS_IDLE"},
            "linux.personality": {"domain": "LINUX32"},
            "linux.memoryPolicy": {"mode": "MPOL_LOCAL"},
        }
    )
    kinds = [type(operation) for operation in compile_plan(spec, PLACING, None).operations]
    assert kinds[kinds.index(op.AttachStdio) : kinds.index(op.CloseOnExec)] == [
        *(op.AttachStdio, op.SetOomScoreAdj, op.SetMemoryPolicy, op.SetPersonality, op.SetAppArmorProfile),
        *(op.SetIoPriority, op.SetRlimit, op.SetScheduler),
    ]


@pytest.mark.parametrize(
    "changes",
    [
        {"process.oomScoreAdj": 0},
        {"process.apparmorProfile": "box"},
        {"process.selinuxLabel": "label"},
        {"linux.sysctl": {"net.core.somaxconn": "5"}},
    ],
)
def test_a_procfs_is_opened_before_the_root_is_entered(make_spec: MakeSpec, changes: dict[str, Any]) -> None:
    kinds = [type(operation) for operation in compile_plan(make_spec(changes), PLACING, None).operations]
    assert kinds.index(op.OpenProcfs) < kinds.index(op.AttachRoot)
    assert kinds.count(op.OpenProcfs) == 1


def test_nothing_is_opened_for_empty_labels(make_spec: MakeSpec) -> None:
    spec = make_spec({"process.apparmorProfile": "", "process.selinuxLabel": ""})
    assert steps(spec, op.OpenProcfs, op.SetAppArmorProfile, op.SetSelinuxLabel) == []


def test_kernel_parameters_are_paths_in_the_order_of_the_document(make_spec: MakeSpec) -> None:
    parameters = {"net.ipv4.conf.eth0/1.forwarding": "1", "kernel/sem": "1 2 3 4", "kernel.domainname": "lan"}
    assert steps(make_spec({"linux.sysctl": parameters}), op.SetSysctl, op.SetDomainname) == [
        op.SetSysctl("net/ipv4/conf/eth0.1/forwarding", "1"),
        op.SetSysctl("kernel/sem", "1 2 3 4"),
        op.SetDomainname("lan"),
    ]


@pytest.mark.parametrize(
    ("offsets", "expected"),
    [
        ({}, ""),
        ({"monotonic": {"secs": 5}}, "monotonic 5 0\n"),
        ({"boottime": {"nanosecs": 7, "secs": -2}}, "boottime -2 7\n"),
        ({"boottime": {}, "monotonic": {"secs": 1, "nanosecs": 2}}, "monotonic 1 2\nboottime 0 0\n"),
    ],
)
def test_time_offsets_are_lines_for_the_kernel(make_spec: MakeSpec, offsets: dict[str, Any], expected: str) -> None:
    assert compile_plan(make_spec({"linux.timeOffsets": offsets}), PLACING, None).time_offsets == expected


def test_where_setgroups_is_denied_it_is_not_called(make_spec: MakeSpec) -> None:
    plan = compile_plan(make_spec({}), Placing("/srv/root", "box", 0, may_drop_groups=False), None)
    assert op.SetIdentity(0, 0, (), 0o022, setgroups=False) in plan.operations


def test_cpus_of_a_process_that_enters_a_container() -> None:
    process = Process.parse({"execCPUAffinity": {"initial": "0-2", "final": "1"}})
    assert list(initial_affinity_steps(process)) == [op.SetAffinity((0, 1, 2))]
    assert list(final_affinity_steps(process)) == [op.SetAffinity((1,))]
    assert list(initial_affinity_steps(Process())) == list(final_affinity_steps(Process())) == []


def test_a_containers_first_process_has_the_cpus_of_its_cgroup(make_spec: MakeSpec) -> None:
    """execCPUAffinity is for those that enter later (config.md)."""
    assert steps(make_spec({"process.execCPUAffinity": {"initial": "0", "final": "0"}}), op.SetAffinity) == []


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"linux.netDevices": {"eth0": {}}}, "network devices"),
        ({"linux.intelRdt": {}}, "a class of service"),
    ],
)
def test_the_worker_waits_for_what_its_parent_gives(make_spec: MakeSpec, changes: dict[str, Any], what: str) -> None:
    """Kernel parameters of an interface can be set once it is there."""
    spec = make_spec(changes | {"linux.sysctl": {"net.ipv4.conf.eth0.rp_filter": "1"}})
    kinds = [type(operation) for operation in compile_plan(spec, PLACING, None).operations]
    assert steps(spec, op.AwaitParent) == [op.AwaitParent((what,))]
    assert kinds.index(op.AwaitParent) < kinds.index(op.SetSysctl) < kinds.index(op.PivotRoot)
    assert steps(make_spec({}), op.AwaitParent) == []
