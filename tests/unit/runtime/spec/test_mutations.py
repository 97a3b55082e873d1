"""Documents with one thing wrong: never a traceback, always an error that names a place in the document, or a Plan."""

import json
import os
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from containerd_py import strict_json
from containerd_py.errors import ContainerdError, InvalidArgument, NotSupported
from containerd_py.runtime.plan.compiler import Placing, compile_plan
from containerd_py.runtime.plan.plan import Plan, decode
from containerd_py.runtime.seccomp.compile import compile_profile
from containerd_py.runtime.spec.models import parse
from containerd_py.runtime.spec.validate import validate
from tests.mutations import ACTIONS, Place, changed, named, places

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


PLACES = sorted(places(FULL), key=str)


def served(document: object) -> Plan:
    """Go the whole way that a document goes before anything is made, from its bytes on."""
    spec = parse(strict_json.loads(json.dumps(document).encode(), what="config.json"))
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
@given(place=st.sampled_from(PLACES), action=st.sampled_from(ACTIONS), value=VALUES)
@example(("process", "args", 0), "replace", "a\0b")
@example(("annotations", "a"), "add", "a\0b")
@example(("mounts", 2, "options", 0), "replace", "\ud800")
@example(("linux", "resources", "pids", "limit"), "replace", float("inf"))
@example(("linux", "maskedPaths"), "replace", [[]] * 40)
def test_one_thing_wrong(place: Place, action: str, value: object) -> None:
    found = outcome(changed(FULL, place, action, value))
    if isinstance(found, Plan):
        assert decode(found.encode()).operations == found.operations
        return
    assert isinstance(found, InvalidArgument | NotSupported), found.message
    assert found.step in ("parse", "validate", "seccomp"), found.message
    assert named(found.message) or _is_unknown(found.message, place, action), found.message


def _is_unknown(message: str, place: Place, action: str) -> bool:
    """An unknown name may look like anything: where it stands is named before it."""
    parent = ".".join(map(str, place[:-1]))
    told = tuple(f"cannot {verb}: {parent}" for verb in ("read OCI document", "parse config.json"))
    return action != "replace" and message.startswith(told)


@pytest.mark.parametrize(
    ("message", "paths"),
    [
        ("cannot mount tmpfs on /run (mounts.3): Invalid argument", ("mounts.3",)),
        ("cannot parse c.json: process.args.0: NUL in 'a'", ("process.args.0",)),
        (
            "cannot use OCI document: hostname: needs a uts namespace; linux.sysctl.net/x: too",
            ("linux.sysctl.net/x", "hostname"),
        ),
        ("cannot execute x.process.args in /root.path of the process", ()),
        ("cannot do nothing.linux of the root: no process, of 'root.path'", ()),
    ],
)
def test_what_counts_as_named(message: str, paths: tuple[str, ...]) -> None:
    assert named(message) == paths


@settings(max_examples=200, deadline=None)
@given(place=st.sampled_from(PLACES), value=VALUES)
def test_what_is_taken_comes_back_as_it_was(place: Place, value: object) -> None:
    """config.json of a container is what was asked for."""
    document = changed(FULL, place, "replace", value)
    try:
        spec = parse(document)
    except InvalidArgument:
        return
    assert parse(json.loads(json.dumps(spec.document()))) == spec
