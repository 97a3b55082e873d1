"""Every field of the specification changes what is done: none is taken and forgotten.

The table has a line for each field of the models: what it is changed to, what of all that is done becomes another, and what
is changed in the document before. A field that is added to the models without a line makes these tests fail.
"""

import copy
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from containerd_py.light.dataclasses import names_of
from containerd_py.runtime.cgroups.normalise import normalise
from containerd_py.runtime.plan.compiler import Placing, compile_exec, compile_plan
from containerd_py.runtime.seccomp.compile import compile_profile
from containerd_py.runtime.spec.base import Oci
from containerd_py.runtime.spec.kinds import Many, Table
from containerd_py.runtime.spec.models import Spec, parse
from containerd_py.runtime.spec.validate import NOT_SERVED, validate
from tests.unit.runtime.spec.test_mutations import FULL

MAP = [{"containerID": 0, "hostID": 1000, "size": 10}]
CLOCK = {"secs": 1, "nanosecs": 2}
HOOK = {"path": "/bin/hook", "args": ["hook"], "env": ["A=b"], "timeout": 5}
WEIGHT = {"major": 8, "minor": 0, "weight": 100, "leafWeight": 100}
THROTTLE = [{"major": 8, "minor": 0, "rate": 1000}]

MAPPED = {"destination": "/mapped", "source": "/srv", "options": ["bind"], "uidMappings": MAP, "gidMappings": MAP}
BASE: dict[str, Any] = copy.deepcopy(FULL)
BASE["hooks"] = {moment: [HOOK] for moment in ("createContainer", "startContainer", "prestart", "createRuntime")}
BASE["process"]["capabilities"] = {name: ["CAP_KILL"] for name in BASE["process"]["capabilities"]}
BASE["process"]["capabilities"] |= {"inheritable": ["CAP_KILL"], "ambient": ["CAP_KILL"]}
BASE["linux"]["uidMappings"] = BASE["linux"]["gidMappings"] = MAP
BASE["linux"]["namespaces"].append({"type": "user"})
BASE["linux"]["timeOffsets"] = {"monotonic": CLOCK, "boottime": CLOCK}
BASE["linux"]["resources"] = {
    "devices": [{"allow": True, "type": "c", "major": 1, "minor": 3, "access": "r"}],
    "memory": {"limit": 1 << 20, "swap": 1 << 21},
    "cpu": {"quota": 1000, "period": 10_000},
    "pids": {"limit": 10},
    "blockIO": {
        "weightDevice": [WEIGHT],
        **{f"throttle{kind}Device": THROTTLE for kind in ("ReadBps", "WriteBps", "ReadIOPS", "WriteIOPS")},
    },
    "hugepageLimits": [{"pageSize": "2MB", "limit": 0}],
    "network": {"classID": 1, "priorities": [{"name": "lo", "priority": 1}]},
    "rdma": {"mlx": {"hcaHandles": 1, "hcaObjects": 1}},
    "unified": {"memory.high": "1"},
}

CORE = {"process.rlimits": [{"type": "RLIMIT_CORE", "soft": 10, "hard": 20}]}
FIFO = {"process.scheduler": {"policy": "SCHED_FIFO", "priority": 1}}
OTHER = {"process.scheduler": {"policy": "SCHED_OTHER"}}
LIMIT = {"linux.resources.memory": {"limit": 1 << 20}}
DENY = {"linux.seccomp.syscalls": [{"names": ["mkdir"], "action": "SCMP_ACT_ERRNO"}]}
MASKED = {"index": 0, "value": 8, "valueTwo": 8, "op": "SCMP_CMP_MASKED_EQ"}
CHECKED = {"linux.seccomp.syscalls": [{"names": ["mkdir"], "action": "SCMP_ACT_ALLOW", "args": [MASKED]}]}
NAMESPACES = [namespace for namespace in BASE["linux"]["namespaces"] if namespace["type"] not in ("uts", "ipc")]
NAMELESS = {"hostname": None, "domainname": None, "linux.sysctl": None}
WITH_IPC = {**NAMELESS, "linux.namespaces": [{"type": "ipc"}, *NAMESPACES]}
SHM = {"mounts": [{"destination": "/shm", "type": "tmpfs", "source": "shm"}]}
NO_USER = {"linux.namespaces": BASE["linux"]["namespaces"][:-1], "linux.uidMappings": [], "linux.gidMappings": []}

Line = tuple[Any, str] | tuple[Any, str, dict[str, Any]]
TABLE: dict[str, Line] = {
    "root.path": ("/other", "AttachRoot sources"),
    "root.readonly": (False, "ReadonlyRoot"),
    "process.terminal": (False, "OpenConsole AttachStdio", {"process.consoleSize": None}),
    "process.consoleSize.height": (50, "OpenConsole"),
    "process.consoleSize.width": (50, "OpenConsole"),
    "process.cwd": ("/srv", "MakeDirectory ChangeDirectory"),
    "process.env": (["PATH=/sbin", "A=b"], "Exec FindProgram"),
    "process.args": (["/bin/other"], "FindProgram Exec"),
    "process.user.uid": (7, "SetIdentity AttachStdio OpenConsole FindHome"),
    "process.user.gid": (7, "SetIdentity AttachStdio"),
    "process.user.umask": (7, "SetIdentity"),
    "process.user.additionalGids": ([7], "SetIdentity"),
    "process.rlimits[].type": ("RLIMIT_DATA", "SetRlimit", CORE),
    "process.rlimits[].hard": (30, "SetRlimit", CORE),
    "process.rlimits[].soft": (11, "SetRlimit", CORE),
    "process.apparmorProfile": ("other", "SetAppArmorProfile"),
    "process.capabilities.bounding": (["CAP_KILL", "CAP_CHOWN"], "LimitBounding"),
    "process.capabilities.effective": ([], "SetCapabilities"),
    "process.capabilities.inheritable": (["CAP_KILL", "CAP_CHOWN"], "SetCapabilities"),
    "process.capabilities.permitted": (["CAP_KILL", "CAP_CHOWN"], "SetCapabilities"),
    "process.capabilities.ambient": ([], "SetCapabilities"),
    "process.noNewPrivileges": (False, "SetNoNewPrivs"),
    "process.oomScoreAdj": (7, "SetOomScoreAdj"),
    "process.scheduler.policy": ("SCHED_RR", "SetScheduler", FIFO),
    "process.scheduler.nice": (5, "SetScheduler", OTHER),
    "process.scheduler.priority": (9, "SetScheduler", FIFO),
    "process.scheduler.flags": (["SCHED_FLAG_RECLAIM"], "SetScheduler"),
    "process.scheduler.runtime": (2001, "SetScheduler"),
    "process.scheduler.deadline": (3001, "SetScheduler"),
    "process.scheduler.period": (4001, "SetScheduler"),
    "process.selinuxLabel": ("label", "SetSelinuxLabel", {"process.apparmorProfile": None}),
    "process.ioPriority.class": ("IOPRIO_CLASS_IDLE", "SetIoPriority"),
    "process.ioPriority.priority": (5, "SetIoPriority"),
    "process.execCPUAffinity.initial": ("1", "SetAffinity"),
    "process.execCPUAffinity.final": ("0", "SetAffinity"),
    "hostname": ("other", "SetHostname"),
    "domainname": ("other", "SetDomainname"),
    "mounts[].destination": ("/other", "MountFilesystem", SHM),
    "mounts[].source": ("other", "MountFilesystem"),
    "mounts[].type": ("mqueue", "MountFilesystem", SHM),
    "mounts[].options": (["ro"], "MountFilesystem"),
    **{
        f"mounts[].{kind}Mappings[].{field}": (value, "sources", {"mounts": [MAPPED]})
        for kind in ("uid", "gid")
        for field, value in (("containerID", 1), ("hostID", 7), ("size", 7))
    },
    **{
        f"hooks.{moment}[].{field}": (value, "RunHooks")
        for moment in ("createContainer", "startContainer")
        for field, value in (("path", "/other"), ("args", ["other"]), ("env", []), ("timeout", 7))
    },
    "linux.namespaces[].type": ("uts", "namespaces", WITH_IPC),
    "linux.namespaces[].path": ("/proc/1/ns/ipc", "namespaces joined", WITH_IPC),
    **{
        f"linux.{kind}Mappings[].{field}": (value, "user")
        for kind in ("uid", "gid")
        for field, value in (("containerID", 1), ("hostID", 7), ("size", 70))
    },
    **{
        f"linux.timeOffsets.{clock}.{field}": (7, "time_offsets")
        for clock in ("monotonic", "boottime")
        for field in ("secs", "nanosecs")
    },
    "linux.devices[].type": ("b", "BindDevice"),
    "linux.devices[].path": ("/dev/other", "BindDevice CloneTree"),
    "linux.devices[].major": (11, "BindDevice"),
    "linux.devices[].minor": (11, "BindDevice"),
    "linux.devices[].fileMode": (0o600, "MakeDevice", NO_USER),
    "linux.devices[].uid": (7, "MakeDevice", NO_USER),
    "linux.devices[].gid": (7, "MakeDevice", NO_USER),
    "linux.resources.devices[].allow": (False, "resources.devices"),
    "linux.resources.devices[].type": ("b", "resources.devices"),
    "linux.resources.devices[].major": (7, "resources.devices"),
    "linux.resources.devices[].minor": (7, "resources.devices"),
    "linux.resources.devices[].access": ("rw", "resources.devices"),
    "linux.resources.memory.limit": (1 << 19, "resources.memory"),
    "linux.resources.memory.reservation": (1 << 19, "resources.memory"),
    "linux.resources.memory.swap": (1 << 22, "resources.memory"),
    "linux.resources.memory.kernel": (1 << 18, "resources.memory"),
    "linux.resources.memory.kernelTCP": (1 << 22, "resources.memory"),
    "linux.resources.memory.swappiness": (7, "resources.memory"),
    "linux.resources.memory.disableOOMKiller": (True, "resources.memory"),
    "linux.resources.memory.useHierarchy": (True, "resources.memory"),
    "linux.resources.memory.checkBeforeUpdate": (True, "resources.memory"),
    "linux.resources.cpu.shares": (7, "resources.cpu"),
    "linux.resources.cpu.quota": (2000, "resources.cpu"),
    "linux.resources.cpu.burst": (7, "resources.cpu"),
    "linux.resources.cpu.period": (20_000, "resources.cpu"),
    "linux.resources.cpu.realtimeRuntime": (7, "resources.cpu"),
    "linux.resources.cpu.realtimePeriod": (7, "resources.cpu"),
    "linux.resources.cpu.cpus": ("1", "resources.cpuset"),
    "linux.resources.cpu.mems": ("1", "resources.cpuset"),
    "linux.resources.cpu.idle": (1, "resources.cpu"),
    "linux.resources.pids.limit": (7, "resources.pids_limit"),
    "linux.resources.blockIO.weight": (70, "resources.block_io"),
    "linux.resources.blockIO.leafWeight": (70, "resources.block_io"),
    **{
        f"linux.resources.blockIO.weightDevice[].{field}": (70, "resources.block_io")
        for field in ("major", "minor", "weight", "leafWeight")
    },
    **{
        f"linux.resources.blockIO.throttle{kind}Device[].{field}": (70, "resources.block_io")
        for kind in ("ReadBps", "WriteBps", "ReadIOPS", "WriteIOPS")
        for field in ("major", "minor", "rate")
    },
    "linux.resources.hugepageLimits[].pageSize": ("1GB", "resources.hugepages"),
    "linux.resources.hugepageLimits[].limit": (7, "resources.hugepages"),
    "linux.resources.network.classID": (7, "resources.net_class"),
    "linux.resources.network.priorities[].name": ("eth0", "resources.net_priorities"),
    "linux.resources.network.priorities[].priority": (7, "resources.net_priorities"),
    "linux.resources.rdma{}.hcaHandles": (7, "resources.rdma"),
    "linux.resources.rdma{}.hcaObjects": (7, "resources.rdma"),
    "linux.resources.unified": ({"memory.high": "7"}, "resources.unified"),
    "linux.memoryPolicy.mode": ("MPOL_INTERLEAVE", "SetMemoryPolicy"),
    "linux.memoryPolicy.nodes": ("1", "SetMemoryPolicy"),
    "linux.memoryPolicy.flags": (["MPOL_F_RELATIVE_NODES"], "SetMemoryPolicy"),
    "linux.sysctl": ({"net.core.somaxconn": "7"}, "SetSysctl"),
    "linux.seccomp.defaultAction": ("SCMP_ACT_LOG", "LoadSeccomp", {"linux.seccomp.defaultErrnoRet": None}),
    "linux.seccomp.defaultErrnoRet": (7, "LoadSeccomp"),
    "linux.seccomp.architectures": (["SCMP_ARCH_X86_64", "SCMP_ARCH_X86"], "LoadSeccomp"),
    "linux.seccomp.flags": (["SECCOMP_FILTER_FLAG_SPEC_ALLOW"], "LoadSeccomp"),
    "linux.seccomp.syscalls[].names": (["read"], "LoadSeccomp"),
    "linux.seccomp.syscalls[].action": ("SCMP_ACT_LOG", "LoadSeccomp", DENY),
    "linux.seccomp.syscalls[].errnoRet": (7, "LoadSeccomp", DENY),
    **{
        f"linux.seccomp.syscalls[].args[].{field}": (value, "LoadSeccomp", CHECKED)
        for field, value in (("index", 1), ("value", 0), ("valueTwo", 0), ("op", "SCMP_CMP_NE"))
    },
    "linux.rootfsPropagation": ("rshared", "AttachRoot SetPropagation SetRootPropagation"),
    "linux.maskedPaths": (["/proc/kcore", "/proc/keys"], "MaskPath"),
    "linux.readonlyPaths": (["/proc/bus"], "ReadonlyPath"),
    "linux.mountLabel": ("label", "MaskPath MountFilesystem"),
    "linux.personality.domain": ("LINUX", "SetPersonality"),
}

ELSEWHERE = {
    "ociVersion": "tests/unit/runtime/spec/test_models.py",
    "annotations": "tests/integration/runtime/test_hooks.py",
    "process.commandLine": "tests/unit/runtime/spec/test_validate_process.py",
    "process.user.username": "tests/unit/runtime/spec/test_validate_process.py",
    "linux.netDevices{}.name": "tests/integration/runtime/test_net_devices.py",
    "linux.cgroupsPath": "tests/oci/test_cgroups.py",
    "linux.personality.flags": "tests/unit/runtime/spec/test_validate_linux.py",
    **{
        f"linux.intelRdt.{field}": "tests/unit/runtime/test_intel_rdt.py"
        for field in ("closID", "schemata", "l3CacheSchema", "memBwSchema", "enableMonitoring", "enableCMT", "enableMBM")
    },
    **{
        f"linux.seccomp.{field}": "tests/integration/runtime/test_seccomp_notify.py"
        for field in ("listenerPath", "listenerMetadata")
    },
    **{
        f"hooks.{moment}[].{field}": "tests/integration/runtime/test_hooks.py"
        for moment in ("prestart", "createRuntime", "poststart", "poststop")
        for field in ("path", "args", "env", "timeout")
    },
    **dict.fromkeys(NOT_SERVED, "tests/unit/runtime/spec/test_validate.py"),
}
"""What the parent does beside the Plan, or refuses: the test that shows it."""


def fields(model: type[Oci], here: str = "") -> Iterator[str]:
    """Yield the JSON path of each field that holds no further model: "mounts[].source"."""
    for field in model.fields.values():
        inner, suffix = inside(field.kind)
        if isinstance(inner, type) and issubclass(inner, Oci):
            yield from fields(inner, f"{here}{field.key}{suffix}.")
        else:
            yield f"{here}{field.key}"


def inside(kind: Any) -> tuple[Any, str]:
    """Return what an array or an object holds, and which of the two does."""
    if isinstance(kind, Many):
        return kind.kind, "[]"
    return (kind.values, "{}") if isinstance(kind, Table) else (kind, "")


def put(document: Any, path: str, value: Any) -> None:
    """Replace what is at a path; in an array or object of models, in the first one."""
    *names, last = path.replace("[]", ".0").replace("{}", ".*").split(".")
    for name in names:
        key = 0 if name == "0" else next(iter(document)) if name == "*" else name
        document = document.setdefault(key, {}) if isinstance(document, dict) else document[key]
    document[last] = value
    if value is None:
        del document[last]


def changed(changes: dict[str, Any]) -> Any:
    document = copy.deepcopy(BASE)
    for path, value in changes.items():
        put(document, path, copy.deepcopy(value))
    return document


def done(document: Any) -> Counter[tuple[str, str]]:
    """Return all that is done for a document, for its first process and for a further one: what it is, and how."""
    spec = parse(document)
    validate(spec)
    assert spec.process is not None
    assert spec.linux.seccomp is not None
    seccomp = compile_profile(spec.linux.seccomp)
    placing = Placing("/srv/root" if spec.root.path == "rootfs" else spec.root.path, "box", 1, selinux=True)
    plan = compile_plan(spec, placing, seccomp)
    further = compile_exec(spec, spec.process, placing, seccomp)
    resources = normalise(spec.linux.resources)
    found = [(type(step).__name__, repr(step)) for step in (*plan.operations, *further.operations)]
    found += [(name, repr(getattr(plan, name))) for name in ("namespaces", "joined", "user", "sources", "time_offsets")]
    found += [(f"resources.{name}", repr(getattr(resources, name))) for name in names_of(type(resources))]
    return Counter(found)


def difference(first: Any, second: Any) -> set[str]:
    one, other = done(first), done(second)
    return {name for name, _how in (one - other) + (other - one)}


@pytest.mark.parametrize("path", TABLE)
def test_a_field_changes_what_is_done(path: str) -> None:
    value, expected, *base = TABLE[path]
    before = base[0] if base else {}
    assert difference(changed(before), changed({**before, path: value})) == set(expected.split())


def test_every_field_has_a_line() -> None:
    assert sorted([*TABLE, *ELSEWHERE]) == sorted(fields(Spec))


def test_what_is_shown_elsewhere_is_named_there() -> None:
    """By the last word of its name: a test may have it from the model."""
    for path, test in ELSEWHERE.items():
        name = path.split(".")[1].removesuffix("[]") if path.startswith("hooks") else path.rpartition(".")[2]
        word = re.findall(r"[A-Z]+$|[A-Z]?[a-z0-9]+", name)[-1].lower()
        assert word in Path(test).read_text(encoding="utf-8").lower(), f"{path} is not in {test}"
