"""The fields of `linux` that contradict themselves, or would reach beyond the container."""

from collections.abc import Callable
from typing import Any

import pytest

from containerd_py.errors import InvalidArgument
from containerd_py.runtime.spec.models import Spec, parse
from containerd_py.runtime.spec.validate import validate

MakeSpec = Callable[[dict[str, Any]], Spec]
MakeDocument = Callable[[dict[str, Any]], dict[str, Any]]

OWN = [{"type": kind} for kind in ("mount", "uts", "ipc", "network")]
ONLY_MOUNT = [{"type": "mount"}]
SAFE = {"defaultAction": "SCMP_ACT_ALLOW"}


def notifying(*names: str, **more: object) -> dict[str, Any]:
    rule = {"names": list(names), "action": "SCMP_ACT_NOTIFY"}
    return {"linux.seccomp": SAFE | {"syscalls": [rule], "listenerPath": "/run/agent.sock"} | more}


@pytest.mark.parametrize(
    "changes",
    [
        {"linux.sysctl": {"net.core.somaxconn": "5", "kernel/sem": "1 2 3 4", "kernel.domainname": "lan"}},
        {"linux.sysctl": {"kernel.domainname": "lan"}, "domainname": "lan"},
        {"linux.netDevices": {"eth0": {}, "eth1": {"name": "lan0"}, "a" * 15: {"name": "b" * 15}}},
        {"linux.memoryPolicy": {"mode": "MPOL_BIND", "nodes": "0-3", "flags": ["MPOL_F_STATIC_NODES"]}},
        {"linux.memoryPolicy": {"mode": "MPOL_PREFERRED"}},
        {"linux.memoryPolicy": {"mode": "MPOL_DEFAULT", "nodes": ""}},
        {"linux.intelRdt": {}},
        {"linux.intelRdt": {"closID": "/"}},
        {
            "linux.intelRdt": {
                "closID": "guaranteed",
                "l3CacheSchema": "L3:0=f0\nMB:0=20",
                "memBwSchema": "MB:0=20",
                "schemata": ["L2:0=f"],
                "enableMonitoring": True,
            }
        },
        {"linux.intelRdt": {"enableCMT": True, "enableMBM": True}},
        {"linux.personality": {"domain": "LINUX", "flags": []}},
        {"linux.seccomp": SAFE | {"defaultAction": "SCMP_ACT_TRACE", "defaultErrnoRet": 65_535}},
        {"linux.seccomp": SAFE | {"listenerPath": "/run/agent.sock", "listenerMetadata": "x"}},
        notifying("mkdir", flags=["SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV"]),
    ],
)
def test_what_is_right_passes(make_spec: MakeSpec, changes: dict[str, Any]) -> None:
    validate(make_spec({"linux.namespaces": OWN, **changes}))


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        (
            {"linux.personality": {"domain": "LINUX", "flags": ["A"]}},
            "linux.personality.flags: the specification has none yet",
        ),
        ({"linux.timeOffsets": {"boottime": {"secs": 1}}}, "linux.timeOffsets: needs a new time namespace"),
        ({"linux.sysctl": {"net..core": "1"}}, "linux.sysctl.net..core: has an empty part, '.' or '..'"),
        ({"linux.sysctl": {"net/../kernel": "1"}}, "linux.sysctl.net/../kernel: has an empty part, '.' or '..'"),
        ({"linux.sysctl": {"net.a b": "1"}}, "linux.sysctl.net.a b: has a character that no kernel parameter has"),
        (
            {"linux.sysctl": {"net.core.x": "1\n2"}},
            "linux.sysctl.net.core.x: has an empty value, or one with a line break or '+'",
        ),
        (
            {"linux.sysctl": {"net.core.x": ""}},
            "linux.sysctl.net.core.x: has an empty value, or one with a line break or '+'",
        ),
        (
            {"linux.sysctl": {"kernel.shmmax": "1", "kernel/shmmax": "2"}},
            "linux.sysctl.kernel/shmmax: is given twice, in both forms",
        ),
        ({"linux.sysctl": {"kernel.hostname": "x"}}, "linux.sysctl.kernel.hostname: is set by hostname"),
        (
            {"linux.sysctl": {"kernel.core_pattern": "|/x"}},
            "linux.sysctl.kernel.core_pattern: belongs to no namespace: it would be set for the whole machine",
        ),
        (
            {"linux.sysctl": {"kernel.domainname": "x"}, "domainname": "y"},
            "linux.sysctl.kernel.domainname: contradicts domainname, which is 'y'",
        ),
        (
            {"linux.sysctl": {"kernel.domainname": "x" * 65}},
            "linux.sysctl.kernel.domainname: is longer than 64 bytes",
        ),
        ({"linux.netDevices": {"eth/0": {}}}, "linux.netDevices.eth/0: is no name of a network interface"),
        (
            {"linux.netDevices": {"eth0": {"name": "a" * 16}}},
            f"linux.netDevices.eth0.name: '{'a' * 16}' is no name of a network interface",
        ),
        (
            {"linux.netDevices": {"eth0": {"name": "lan"}, "lan": {}}},
            "linux.netDevices.lan.name: 'lan' is given twice",
        ),
        ({"linux.memoryPolicy": {"nodes": "0"}}, "linux.memoryPolicy.mode: invalid memory policy mode ''"),
        (
            {"linux.memoryPolicy": {"mode": "MPOL_PREFERRED", "flags": ["bad"]}},
            "linux.memoryPolicy.flags.0: invalid memory policy flag 'bad'",
        ),
        ({"linux.memoryPolicy": {"mode": "MPOL_BIND"}}, "linux.memoryPolicy.nodes: MPOL_BIND needs nodes"),
        (
            {"linux.memoryPolicy": {"mode": "MPOL_BIND", "nodes": "x"}},
            "linux.memoryPolicy.nodes: invalid memory policy nodes: 'x' is not a list such as '0-3,7'",
        ),
        (
            {"linux.memoryPolicy": {"mode": "MPOL_BIND", "nodes": "1024"}},
            "linux.memoryPolicy.nodes: invalid memory policy node 1024: it is above 1023",
        ),
        (
            {"linux.memoryPolicy": {"mode": "MPOL_LOCAL", "nodes": "0"}},
            "linux.memoryPolicy.nodes: MPOL_LOCAL: mode requires 0 nodes but got 1",
        ),
        (
            {"linux.memoryPolicy": {"mode": "MPOL_DEFAULT", "flags": ["MPOL_F_STATIC_NODES"]}},
            "linux.memoryPolicy.flags: MPOL_DEFAULT takes no flags",
        ),
        (
            {
                "linux.memoryPolicy": {
                    "mode": "MPOL_BIND",
                    "nodes": "0",
                    "flags": ["MPOL_F_STATIC_NODES", "MPOL_F_RELATIVE_NODES"],
                }
            },
            "linux.memoryPolicy.flags: MPOL_F_STATIC_NODES and MPOL_F_RELATIVE_NODES exclude each other",
        ),
        (
            {"linux.memoryPolicy": {"mode": "MPOL_PREFERRED", "flags": ["MPOL_F_STATIC_NODES"]}},
            "linux.memoryPolicy.flags: MPOL_PREFERRED without nodes takes no flags about them",
        ),
        (
            {"linux.memoryPolicy": {"mode": "MPOL_INTERLEAVE", "nodes": "0", "flags": ["MPOL_F_NUMA_BALANCING"]}},
            "linux.memoryPolicy.flags: MPOL_F_NUMA_BALANCING is not for MPOL_INTERLEAVE",
        ),
        *(
            ({"linux.intelRdt": {"closID": name}}, f"linux.intelRdt.closID: {name!r} is no name of a directory")
            for name in ("", ".", "..", "a/b", "/a", "a\nb")
        ),
        ({"linux.intelRdt": {"l3CacheSchema": "MB:0=1"}}, "linux.intelRdt.l3CacheSchema: must start with 'L3:'"),
        (
            {"linux.intelRdt": {"memBwSchema": "MB:0=1\nL3:0=1"}},
            "linux.intelRdt.memBwSchema: must be one line that starts with 'MB:'",
        ),
        ({"linux.intelRdt": {"schemata": ["L3:0=1", "x"]}}, "linux.intelRdt.schemata.1: must be one line such as 'L3:0=f'"),
        (
            {"linux.seccomp": SAFE | {"defaultAction": "SCMP_ACT_NOTIFY"}},
            "linux.seccomp.defaultAction: SCMP_ACT_NOTIFY cannot be what holds for every call",
        ),
        (
            {"linux.seccomp": SAFE | {"defaultErrnoRet": 1}},
            "linux.seccomp.defaultErrnoRet: SCMP_ACT_ALLOW returns no number",
        ),
        (
            {"linux.seccomp": SAFE | {"syscalls": [{"names": ["a"], "action": "SCMP_ACT_ERRNO", "errnoRet": 4096}]}},
            "linux.seccomp.syscalls.0.errnoRet: is above 4095",
        ),
        (notifying("mkdir", listenerPath=None), "linux.seccomp.listenerPath: is needed for SCMP_ACT_NOTIFY"),
        (
            notifying("mkdir", "write"),
            "linux.seccomp.syscalls.0.names: SCMP_ACT_NOTIFY cannot be used for the write syscall: "
            "the listener is sent by it",
        ),
        (
            notifying("sendmsg"),
            "linux.seccomp.syscalls.0.names: SCMP_ACT_NOTIFY cannot be used for the sendmsg syscall: "
            "the listener is sent by it",
        ),
        ({"linux.seccomp": SAFE | {"listenerMetadata": "x"}}, "linux.seccomp.listenerMetadata: needs listenerPath"),
        (
            notifying("mkdir", listenerPath="agent.sock"),
            "linux.seccomp.listenerPath: must be absolute, 107 bytes at most, not 'agent.sock'",
        ),
        (
            {"linux.seccomp": SAFE | {"flags": ["SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV"]}},
            "linux.seccomp.flags: SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV needs SCMP_ACT_NOTIFY",
        ),
    ],
)
def test_what_contradicts_itself_is_refused(make_spec: MakeSpec, changes: dict[str, Any], told: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        validate(make_spec({"linux.namespaces": OWN, **changes}))
    assert caught.value.message == f"cannot use OCI document: {told}"


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"net.core.somaxconn": "1"}, "linux.sysctl.net.core.somaxconn: needs a network namespace"),
        ({"kernel.msgmax": "1"}, "linux.sysctl.kernel.msgmax: needs an ipc namespace"),
        ({"fs.mqueue.msg_max": "1"}, "linux.sysctl.fs.mqueue.msg_max: needs an ipc namespace"),
        ({"kernel.domainname": "x"}, "linux.sysctl.kernel.domainname: needs a uts namespace"),
    ],
)
def test_a_kernel_parameter_of_a_shared_namespace_is_refused(
    make_spec: MakeSpec, changes: dict[str, str], told: str
) -> None:
    with pytest.raises(InvalidArgument, match=rf"{told}, or it would be set for the host$"):
        validate(make_spec({"linux.namespaces": ONLY_MOUNT, "linux.sysctl": changes}))


def test_a_network_device_needs_a_network_to_go_to(make_spec: MakeSpec) -> None:
    with pytest.raises(InvalidArgument, match=r"linux\.netDevices: needs a network namespace$"):
        validate(make_spec({"linux.namespaces": ONLY_MOUNT, "linux.netDevices": {"eth0": {}}}))


@pytest.mark.parametrize(
    ("path", "value", "told"),
    [
        ("linux.personality", {}, "linux.personality.domain"),
        ("linux.personality", {"domain": "BSD"}, "linux.personality.domain"),
        ("linux.sysctl", {"net.core.x": 1}, "linux.sysctl.net.core.x"),
        ("linux.sysctl", {"net.core.x": "a\0b"}, "linux.sysctl.net.core.x"),
        ("linux.timeOffsets", {"realtime": {"secs": 1}}, "linux.timeOffsets.realtime"),
        ("linux.timeOffsets", {"boottime": {"nanosecs": 10**9}}, "linux.timeOffsets.boottime.nanosecs"),
        ("linux.netDevices", {"eth0": None}, "linux.netDevices.eth0"),
        ("linux.netDevices", {"eth0": {"mtu": 1}}, "linux.netDevices.eth0.mtu"),
        ("linux.intelRdt", {"schemata": "L3:0=f"}, "linux.intelRdt.schemata"),
        ("linux.seccomp", {"defaultAction": "ALLOW"}, "linux.seccomp.defaultAction"),
        ("linux.seccomp", SAFE | {"architectures": ["X86"]}, "linux.seccomp.architectures.0"),
        ("linux.seccomp", SAFE | {"syscalls": [{"names": [], "action": "SCMP_ACT_LOG"}]}, "linux.seccomp.syscalls.0.names"),
    ],
)
def test_a_value_of_the_wrong_kind_is_named_when_it_is_read(
    make_document: MakeDocument, path: str, value: object, told: str
) -> None:
    with pytest.raises(InvalidArgument, match=f"^cannot read OCI document: {told}: "):
        parse(make_document({path: value}))
