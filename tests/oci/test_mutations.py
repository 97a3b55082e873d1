"""Documents with one thing wrong through a whole `run`: it serves them, or names the place, and nothing is left.

A number tells which, so that a failure can be tried again. tests/unit/runtime/spec/test_mutations.py tries more, as far as
nothing is made.
"""

import json
import random
from typing import Any

import pytest

from tests.mutations import ACTIONS, changed, named, places
from tests.oci.bundle import MOUNTS, document
from tests.oci.containers import Containers

OF_ONE_NUMBER = 12
RULE = {"names": ["mkdir"], "action": "SCMP_ACT_ERRNO", "errnoRet": 1}
HOOK = {"path": "/bin/true", "args": ["true"], "env": ["A=b"], "timeout": 5}
CHANGES: dict[str, Any] = {
    "ociVersion": "1.2.0",
    "hostname": "box",
    "process.user": {"uid": 1, "gid": 2, "additionalGids": [3], "umask": 18},
    "process.cwd": "/tmp",
    "process.rlimits": [{"type": "RLIMIT_NOFILE", "soft": 100, "hard": 200}],
    "process.oomScoreAdj": 100,
    "process.scheduler": {"policy": "SCHED_BATCH", "nice": 19},
    "process.ioPriority": {"class": "IOPRIO_CLASS_BE", "priority": 4},
    "mounts": [
        *MOUNTS,
        {"destination": "/data", "source": "rootfs/etc", "type": "bind", "options": ["rbind", "ro", "rnosuid", "rprivate"]},
        {"destination": "/run", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "mode=755", "size=64k"]},
        {"destination": "/sys/fs/cgroup", "type": "cgroup", "source": "cgroup", "options": ["ro", "nosuid"]},
    ],
    "hooks": {"createRuntime": [HOOK], "createContainer": [HOOK], "startContainer": [HOOK], "poststop": [HOOK]},
    "annotations": {"a": "b"},
    "linux.namespaces": [{"type": kind} for kind in ("pid", "network", "ipc", "uts", "mount", "cgroup", "time")],
    "linux.timeOffsets": {"monotonic": {"secs": 1, "nanosecs": 2}, "boottime": {"secs": 3}},
    "linux.devices": [{"type": "c", "path": "/dev/null", "major": 1, "minor": 3, "fileMode": 438, "uid": 0, "gid": 0}],
    "linux.resources": {
        "pids": {"limit": 100},
        "memory": {"limit": 100_000_000},
        "cpu": {"shares": 512, "quota": 50_000, "period": 100_000},
        "devices": [
            {"allow": False, "access": "rwm"},
            {"allow": True, "type": "c", "major": 1, "minor": 3, "access": "rw"},
        ],
    },
    "linux.sysctl": {"net.core.somaxconn": "5", "kernel/sem": "1 2 3 4"},
    "linux.memoryPolicy": {"mode": "MPOL_BIND", "nodes": "0", "flags": ["MPOL_F_STATIC_NODES"]},
    "linux.seccomp": {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [RULE]},
    "linux.rootfsPropagation": "rslave",
    "linux.maskedPaths": ["/proc/kcore"],
    "linux.readonlyPaths": ["/proc/sys"],
    "linux.personality": {"domain": "LINUX", "flags": []},
}
VALUES: tuple[object, ...] = (
    *(None, True, 0, -1, 1, 255, 4096, 2**31, 2**63, 2**70, -(2**70), 1.5, [], ["x"], {}, {"x": 1}),
    *("", "x", "..", "/", "a\0b", "a\nb", "\ud800", "x" * 5000, "-1", "0-9999", "/no/such", "/etc/passwd", "relative"),
    *("ro,rw", "65535", "99999999", "SCMP_ACT_NOTIFY", "SCHED_FIFO", "RLIMIT_NICE", "nosuchfs", "/proc/self/ns/net", "p"),
)


@pytest.mark.lacks("crun", "takes most of them", run=False)
@pytest.mark.lacks("runc", "takes most of them", run=False)
@pytest.mark.parametrize("number", range(4))
def test_one_thing_wrong(oci: Containers, number: int) -> None:
    chosen = random.Random(number)  # noqa: S311 - it is to be the same again
    base = document(CHANGES)
    for _ in range(OF_ONE_NUMBER):
        place, action, value = chosen.choice(sorted(places(base), key=str)), chosen.choice(ACTIONS), chosen.choice(VALUES)
        container_id = oci.fresh_id()
        base["linux"]["cgroupsPath"] = f"/{container_id}"
        (oci.bundle / "config.json").write_text(json.dumps(changed(base, place, action, value)))
        result = oci.runtime("run", "--bundle", oci.bundle, container_id)
        tried = f"{action} {place} {value!r:.40}: {result}"
        oci.nothing_left(container_id)
        if result.code:
            assert result.stderr.count("\n") == 1, tried
            assert named(result.stderr) or (action != "replace" and len(place) == 1), tried  # an unknown name is its place
