"""Documents with one thing wrong: never a traceback, always an error that names a place in the document, or a Plan."""

import copy
import json
import os
import re
from collections.abc import Iterator
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from containerd_py.errors import ContainerdError, InvalidArgument, NotSupported
from containerd_py.runtime.plan.compiler import Placing, compile_plan
from containerd_py.runtime.plan.plan import Plan, decode
from containerd_py.runtime.seccomp.compile import compile_profile
from containerd_py.runtime.spec.models import Spec, parse
from containerd_py.runtime.spec.validate import validate

FULL: dict[str, Any] = {
    "ociVersion": "1.3.0",
    "root": {"path": "rootfs", "readonly": True},
    "hostname": "box",
    "domainname": "lan",
    "process": {
        "terminal": True,
        "consoleSize": {"height": 24, "width": 80},
        "user": {"uid": 1, "gid": 2, "additionalGids": [3], "umask": 18},
        "args": ["/bin/sh", "-c", "true"],
        "env": ["PATH=/bin"],
        "cwd": "/var",
        "capabilities": {"bounding": ["CAP_KILL"], "permitted": ["CAP_KILL"], "effective": ["CAP_KILL"]},
        "rlimits": [{"type": "RLIMIT_NOFILE", "soft": 10, "hard": 20}],
        "noNewPrivileges": True,
        "apparmorProfile": "box",
        "oomScoreAdj": 100,
        "scheduler": {"policy": "SCHED_DEADLINE", "runtime": 2000, "deadline": 3000, "period": 4000, "flags": []},
        "ioPriority": {"class": "IOPRIO_CLASS_BE", "priority": 4},
        "execCPUAffinity": {"initial": "0-1", "final": "1"},
    },
    "mounts": [
        {"destination": "/proc", "type": "proc", "source": "proc"},
        {"destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "mode=755"]},
        {"destination": "/data", "source": "/srv", "type": "bind", "options": ["rbind", "ro"]},
    ],
    "annotations": {"a": "b"},
    "linux": {
        "namespaces": [{"type": kind} for kind in ("mount", "pid", "uts", "ipc", "network", "time", "cgroup")],
        "timeOffsets": {"monotonic": {"secs": 1, "nanosecs": 2}, "boottime": {"secs": 3}},
        "devices": [{"type": "c", "path": "/dev/fuse", "major": 10, "minor": 229, "fileMode": 438, "uid": 0, "gid": 0}],
        "netDevices": {"eth0": {"name": "lan0"}},
        "cgroupsPath": "/box",
        "resources": {"pids": {"limit": 10}, "devices": [{"allow": False, "access": "rwm"}]},
        "intelRdt": {"closID": "gold", "l3CacheSchema": "L3:0=f", "schemata": ["L2:0=f"], "enableMonitoring": True},
        "memoryPolicy": {"mode": "MPOL_BIND", "nodes": "0", "flags": ["MPOL_F_STATIC_NODES"]},
        "sysctl": {"net.core.somaxconn": "5", "kernel/sem": "1 2 3 4"},
        "seccomp": {
            "defaultAction": "SCMP_ACT_ERRNO",
            "defaultErrnoRet": 1,
            "architectures": ["SCMP_ARCH_X86_64"] if os.uname().machine == "x86_64" else ["SCMP_ARCH_AARCH64"],
            "flags": ["SECCOMP_FILTER_FLAG_LOG"],
            "listenerPath": "/run/agent.sock",
            "listenerMetadata": "text",
            "syscalls": [
                {"names": ["read", "write"], "action": "SCMP_ACT_ALLOW"},
                {"names": ["mkdir"], "action": "SCMP_ACT_NOTIFY"},
                {
                    "names": ["personality"],
                    "action": "SCMP_ACT_ALLOW",
                    "args": [{"index": 0, "value": 8, "valueTwo": 0, "op": "SCMP_CMP_EQ"}],
                },
            ],
        },
        "rootfsPropagation": "rslave",
        "maskedPaths": ["/proc/kcore"],
        "readonlyPaths": ["/proc/sys"],
        "personality": {"domain": "LINUX32", "flags": []},
    },
}

Place = tuple[str | int, ...]
_TOP = set(FULL) | {"hooks", "solaris", "windows", "vm", "zos", "freebsd"}
_JSON_PATH = re.compile(r"(?:^|[ (])([a-zA-Z]+)(?=[.: ;)]|$)")

SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(min_value=-(2**70), max_value=2**70),
    st.floats(allow_nan=False),
    st.text(max_size=20),
    st.sampled_from(["..", "/", "a\0b", "a\nb", "\ud800", "x" * 5000, "-1", "0-9999", "SCMP_ACT_NOTIFY", "SCHED_FIFO"]),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=6,
)


def places(value: object, here: Place = ()) -> Iterator[Place]:
    """Yield the place of every value in a document, its own excepted."""
    entries = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in entries:
        yield (*here, key)
        yield from places(inner, (*here, key))


PLACES = sorted(places(FULL), key=str)


def entry(value: Any, key: str | int) -> Any:
    return value[key]


def changed(place: Place, action: str, value: object) -> Any:
    """Return the document with one value replaced, taken out, doubled or joined by an unknown one."""
    document: Any = copy.deepcopy(FULL)
    inside: Any = document
    for key in place[:-1]:
        inside = entry(inside, key)
    if action == "replace":
        inside[place[-1]] = value
    elif action == "remove":
        del inside[place[-1]]
    elif isinstance(inside, list):
        inside.insert(0, value if action == "add" else copy.deepcopy(entry(inside, place[-1])))
    else:
        inside[str(value)[:10]] = value
    return document


def served(document: object) -> Plan:
    """Go the whole way that a document goes before anything is made."""
    spec: Spec = parse(document)
    validate(spec)
    seccomp = compile_profile(spec.linux.seccomp) if spec.linux.seccomp else None
    return compile_plan(spec, Placing("/srv/root", "box", 1), seccomp)


def test_the_whole_document_is_right() -> None:
    assert served(FULL).operations


def outcome(document: object) -> Plan | ContainerdError:
    try:
        return served(document)
    except ContainerdError as problem:
        return problem


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(place=st.sampled_from(PLACES), action=st.sampled_from(["replace", "remove", "double", "add"]), value=VALUES)
def test_one_thing_wrong(place: Place, action: str, value: object) -> None:
    found = outcome(changed(place, action, value))
    if isinstance(found, Plan):
        assert decode(found.encode()).operations == found.operations
        return
    assert isinstance(found, InvalidArgument | NotSupported), found.message
    assert found.step in ("parse", "validate", "seccomp"), found.message
    key = str(value)[:10] or "document"  # an unknown one at the top is its own path
    told = found.message.startswith(f"cannot read OCI document: {key}:") and len(place) == 1
    assert told or _TOP & set(_JSON_PATH.findall(found.message)), found.message


@settings(max_examples=200, deadline=None)
@given(place=st.sampled_from(PLACES), value=VALUES)
def test_what_is_taken_comes_back_as_it_was(place: Place, value: object) -> None:
    """config.json of a container is what was asked for."""
    document = changed(place, "replace", value)
    try:
        spec = parse(document)
    except InvalidArgument:
        return
    assert parse(json.loads(json.dumps(spec.document()))) == spec
