"""What a container has of its host beyond the usual, and what less: asked for by the friendly form, seen from within."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from tests.integration.api_client import Api

_MOUNTS = "busybox mount -t tmpfs x /dev/shm 2>/dev/null && echo yes || echo no"
_FIELDS = "busybox sed -nE 's/^({}):\\s*//p' /proc/self/status"


@pytest.mark.parametrize(
    ("given", "script", "expected"),
    [
        ({}, _MOUNTS, "no"),
        ({"cap_add": ["SYS_ADMIN"]}, _MOUNTS, "yes"),
        ({"privileged": True}, _MOUNTS, "yes"),
        ({"privileged": True}, _FIELDS.format("NoNewPrivs|Seccomp"), "0\n0"),
        ({"seccomp": "unconfined", "no_new_privileges": False}, _FIELDS.format("NoNewPrivs|Seccomp"), "0\n0"),
        ({"cap_drop": ["ALL"], "cap_add": ["CHOWN"]}, _FIELDS.format("CapEff|CapBnd"), "\n".join(["0" * 15 + "1"] * 2)),
        ({"ulimits": {"nofile": {"soft": 20, "hard": 30}}}, "ulimit -n; ulimit -Hn", "20\n30"),
        ({"sysctls": {"net.ipv4.ip_forward": "1"}}, "busybox cat /proc/sys/net/ipv4/ip_forward", "1"),
        ({"shm_size_bytes": 1 << 20}, "busybox df /dev/shm | busybox sed -nE 's/^tmpfs +([0-9]+).*/\\1/p'", "1024"),
        ({"oom_score_adj": 300}, "busybox cat /proc/self/oom_score_adj", "300"),
        ({"uts": "host"}, "busybox hostname; echo $HOSTNAME", f"{os.uname().nodename}\n{os.uname().nodename}"),
        ({"additional_groups": ["77"]}, "busybox id -G", "0 77"),
        ({"system_paths": "unconfined"}, "busybox grep -c ' /proc/sys ' /proc/mounts || true", "0"),
        (
            {"devices": [{"path": "/dev/null", "target": "/dev/mine"}]},
            "echo x >/dev/mine; busybox test -c /dev/mine; echo 0",
            "0",
        ),
    ],
)
async def test_seen_from_within(api: Api, rootfs: Path, given: dict[str, Any], script: str, expected: str) -> None:
    ended, output = await api.run(rootfs, "/bin/sh", "-c", script, **given)
    assert (output.strip(), ended["exit_code"]) == (expected.encode(), 0)


async def test_the_hosts_processes_are_seen(api: Api, rootfs: Path) -> None:
    ended, output = await api.run(rootfs, "/bin/sh", "-c", "busybox readlink /proc/self", pid="host")
    assert ended["exit_code"] == 0
    assert int(output) > 1


async def test_what_the_host_has_not_is_refused(api: Api, rootfs: Path) -> None:
    asked = {"rootfs": str(rootfs), "args": ["/bin/true"]}
    for field, value, told in (
        ("devices", [{"path": "/dev/none"}], "devices[0] '/dev/none'"),
        ("cap_add", ["FLY"], "cap_add[0] 'FLY'"),
        ("ulimits", {"flying": {"soft": 1, "hard": 1}}, "'flying'"),
        ("sysctls", {"kernel.panic": "1"}, "linux.sysctl.kernel.panic"),
        ("additional_groups", ["nobody-here"], "nobody-here"),
        ("hostname", "web", "hostname"),
    ):
        answer = await api.post("/v1/containers", json=asked | {field: value, "uts": "host"})
        assert (answer.status, answer.json["kind"]) == (400, "invalid_argument"), field
        assert told in answer.json["message"]
