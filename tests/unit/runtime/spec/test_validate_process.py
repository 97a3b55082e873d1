"""Attributes of the process that contradict themselves, the host's kernel or the rest of the document."""

from collections.abc import Callable
from typing import Any

import pytest

from containerd_py.errors import InvalidArgument
from containerd_py.runtime.spec.models import Spec, parse
from containerd_py.runtime.spec.validate import validate

MakeSpec = Callable[[dict[str, Any]], Spec]
MakeDocument = Callable[[dict[str, Any]], dict[str, Any]]

DEADLINE = {"policy": "SCHED_DEADLINE", "runtime": 2000, "deadline": 3000, "period": 4000}


@pytest.mark.parametrize(
    "changes",
    [
        {"process.oomScoreAdj": 1000},
        {"process.scheduler": {"policy": "SCHED_OTHER", "nice": 19, "priority": 0}},
        {"process.scheduler": {"policy": "SCHED_FIFO", "priority": 99, "nice": 1}},
        {"process.scheduler": DEADLINE | {"period": 0, "nice": 19, "priority": 0}},
        {"process.execCPUAffinity": {"initial": "0-3,7", "final": ""}},
        {"process.user": {"additionalGids": list(range(65_536))}},
        {"process.commandLine": "", "process.user": {"username": ""}},
        {"process.apparmorProfile": "docker-default//&unconfined"},
        {"process.selinuxLabel": "system_u:system_r:svirt_lxc_net_t:s0:c1,c2"},
    ],
)
def test_what_is_right_passes(make_spec: MakeSpec, changes: dict[str, Any]) -> None:
    validate(make_spec(changes))


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"process.args": [""]}, "process.args.0: is empty"),
        ({"process.commandLine": "cmd"}, "process.commandLine: is for Windows only"),
        ({"process.user": {"username": "nobody"}}, "process.user.username: is for Windows only"),
        (
            {"process.user": {"additionalGids": list(range(65_537))}},
            "process.user.additionalGids: 65537 are more than a process can have (65536)",
        ),
        ({"process.apparmorProfile": "a\nb"}, "process.apparmorProfile: has a character that cannot be printed"),
        ({"process.selinuxLabel": "a\tb"}, "process.selinuxLabel: has a character that cannot be printed"),
        (
            {"process.scheduler": {"policy": "SCHED_RR"}},
            "process.scheduler.priority: SCHED_RR needs one from 1 to 99",
        ),
        (
            {"process.scheduler": {"policy": "SCHED_BATCH", "priority": 1}},
            "process.scheduler.priority: SCHED_BATCH has no priority",
        ),
        (
            {"process.scheduler": {"policy": "SCHED_IDLE", "deadline": 1}},
            "process.scheduler.deadline: SCHED_IDLE has no deadline",
        ),
        *(
            ({"process.scheduler": DEADLINE | changed}, f"process.scheduler.{name}: sched_setattr: `SCHED_DEADLINE` {told}")
            for changed, name, told in (
                ({"runtime": None}, "runtime", "requires `runtime`"),
                ({"deadline": None}, "deadline", "requires `deadline`"),
                ({"runtime": 0}, "runtime", "runtime must be greater than 0"),
                ({"runtime": 3001}, "runtime", "runtime (3001) must be <= deadline (3000)"),
                ({"period": 2999}, "deadline", "deadline (3000) must be <= period (2999)"),
                ({"runtime": 1023}, "runtime", f"runtime (1023) must be between 1024 and {2**63 - 1}"),
                ({"period": 2**63}, "period", f"period ({2**63}) must be between 1024 and {2**63 - 1}"),
            )
        ),
        (
            {"process.execCPUAffinity": {"initial": "0-"}},
            "process.execCPUAffinity.initial: '0-' is not a list such as '0-3,7'",
        ),
        (
            {"process.execCPUAffinity": {"final": "9-1"}},
            "process.execCPUAffinity.final: '9-1' has a range that ends before it begins, or above 8191",
        ),
    ],
)
def test_what_contradicts_itself_is_refused(make_spec: MakeSpec, changes: dict[str, Any], told: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        validate(make_spec(changes))
    assert caught.value.message == f"cannot use OCI document: {told}"


@pytest.mark.parametrize(
    ("path", "value", "told"),
    [
        ("process.oomScoreAdj", 1001, "process.oomScoreAdj"),
        ("process.oomScoreAdj", -1001, "process.oomScoreAdj"),
        ("process.oomScoreAdj", True, "process.oomScoreAdj"),
        ("process.user.umask", 0o1000, "process.user.umask"),
        ("process.user.uid", 2**32 - 1, "process.user.uid"),
        ("process.user.additionalGids", [-1], "process.user.additionalGids.0"),
        ("process.scheduler", {"policy": "SCHED_FAST"}, "process.scheduler.policy"),
        ("process.scheduler", {"nice": 1}, "process.scheduler.policy"),
        ("process.scheduler", {"policy": "SCHED_OTHER", "nice": 20}, "process.scheduler.nice"),
        ("process.scheduler", {"policy": "SCHED_FIFO", "priority": 100}, "process.scheduler.priority"),
        ("process.scheduler", {"policy": "SCHED_FIFO", "flags": ["FAST"]}, "process.scheduler.flags.0"),
        ("process.ioPriority", {"class": "IOPRIO_CLASS_NONE"}, "process.ioPriority.class"),
        ("process.ioPriority", {"class": "IOPRIO_CLASS_BE", "priority": 8}, "process.ioPriority.priority"),
        ("process.ioPriority", {"priority": 1}, "process.ioPriority.class"),
        ("process.execCPUAffinity", {"initial": 0}, "process.execCPUAffinity.initial"),
        ("process.consoleSize", {"height": 70_000, "width": 1}, "process.consoleSize.height"),
        ("process.rlimits", [{"type": "RLIMIT_CPU", "soft": -1, "hard": 1}], "process.rlimits.0.soft"),
    ],
)
def test_a_value_out_of_range_is_named_when_it_is_read(
    make_document: MakeDocument, path: str, value: object, told: str
) -> None:
    with pytest.raises(InvalidArgument, match=f"^cannot read OCI document: {told}: "):
        parse(make_document({path: value}))
