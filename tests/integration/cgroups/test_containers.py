"""Limits in whole containers: in force before the payload's first instruction, and told by its end."""

import os
import signal
from pathlib import Path
from typing import Any

import pytest

from containerd_py.errors import ContainerdError, InvalidArgument, NotSupported
from containerd_py.runtime import Container, WaitStatus, parse
from containerd_py.runtime.cgroups.oom import oom_kills

MIB = 2**20
NAMESPACES = [{"type": kind} for kind in ("mount", "pid", "ipc", "uts", "network", "cgroup")]
MOUNTS = [{"destination": "/proc", "type": "proc"}, {"destination": "/dev", "type": "tmpfs"}]


def create(rootfs: Path, args: list[str], resources: dict[str, Any]) -> Container:
    spec = parse(
        {
            "root": {"path": "rootfs"},
            "process": {"args": args, "env": ["PATH=/bin"]},
            "mounts": MOUNTS,
            "linux": {"namespaces": NAMESPACES, "resources": resources},
        }
    )
    folder = rootfs.parent
    return Container.create(f"limits-{os.getpid()}", spec, state_root=str(folder / "state"), bundle=str(folder))


def test_a_payload_that_wants_too_much_memory(rootfs: Path) -> None:
    limits = {"memory": {"limit": 16 * MIB, "swap": 16 * MIB}, "pids": {"limit": 5}}
    with create(rootfs, ["busybox", "tail", "/dev/zero"], limits) as container:
        container.start()
        assert container.wait() == WaitStatus(None, signal.SIGKILL)
        assert oom_kills(container.state().cgroup) == 1


def test_many_limits_at_once(rootfs: Path) -> None:
    limits = {
        "memory": {"limit": 64 * MIB, "reservation": 32 * MIB},
        "cpu": {"shares": 512, "quota": 50000, "period": 100000},
        "pids": {"limit": 9},
        "devices": [{"allow": False}],
    }
    with create(rootfs, ["true"], limits) as container:
        container.start()
        assert container.wait() == WaitStatus(0, None)


@pytest.mark.parametrize(
    ("limits", "kind", "told"),
    [
        ({"rdma": {"mlx5_1": {"hcaHandles": 1}}}, NotSupported, "cannot limit rdma"),
        (
            {"memory": {"limit": 2 * MIB, "swap": MIB}},
            InvalidArgument,
            "cannot use OCI document: linux.resources.memory.swap",
        ),
        ({"hugepageLimits": [{"pageSize": "3MB", "limit": 0}]}, NotSupported, "cannot set hugetlb.3MB"),
        ({"memory": {"useHierarchy": False}}, NotSupported, "cannot set memory.useHierarchy"),
    ],
)
def test_what_cannot_be_enforced_is_refused_and_leaves_nothing(
    rootfs: Path, limits: dict[str, Any], kind: type[ContainerdError], told: str
) -> None:
    with pytest.raises(kind) as caught:
        create(rootfs, ["true"], limits)
    assert caught.value.message.startswith(told)
    assert not (rootfs.parent / "state").exists()
