"""Mounts of type cgroup and cgroup2 in running containers. Needs root and cgroups of any version."""

import os
from pathlib import Path
from typing import Any

import pytest

from containerd_py.errors import ContainerdError
from containerd_py.runtime.cgroups.layout import probe
from tests.integration.runtime.boxes import IN_USER_NAMESPACE, MountLine, mounts_in, run
from tests.integration.runtime.workshop import DEV, OWN, PROC, Workshop

LAYOUT = probe()
ROOT = "/sys/fs/cgroup"
WITHOUT = [kind for kind in OWN if kind["type"] != "cgroup"]
SHOW = "cat /proc/self/mountinfo"

needs_v1 = pytest.mark.skipif(not LAYOUT.v1, reason="needs controllers that are bound to cgroup v1")
needs_v2 = pytest.mark.skipif(LAYOUT.v2 is None, reason="needs cgroup v2")


def changes(*options: str, kind: str = "cgroup", own: bool = True) -> dict[str, Any]:
    mount = {"destination": ROOT, "type": kind, "source": "cgroup", "options": list(options)}
    return {"mounts": [PROC, DEV, mount], "linux.namespaces": OWN if own else WITHOUT}


def show(shop: Workshop, script: str, asked: dict[str, Any]) -> tuple[list[str], dict[str, MountLine]]:
    """Return what a script in a container wrote, and the mounts below /sys/fs/cgroup there."""
    name = f"cgroups-{os.getpid()}"
    with shop.create({"process.args": ["/bin/sh", "-c", f"{SHOW}; echo end; {script}"], **asked}, container_id=name) as box:
        box.start()
        box.wait()
    found, _, rest = shop.read().partition("end\n")
    return rest.splitlines(), {place: line for place, line in mounts_in(found).items() if place.startswith(ROOT)}


@needs_v1
@pytest.mark.parametrize("own", [True, False])
def test_one_mount_for_each_hierarchy(shop: Workshop, *, own: bool) -> None:
    limit = {"linux.resources": {"pids": {"limit": 77}}}
    script = f"cat {ROOT}/pids/pids.max; ls {ROOT}/pids | busybox grep -c pycontainerd"
    lines, mounts = show(shop, script, changes("nosuid", own=own) | limit)
    assert lines == ["77", "0"]
    assert mounts[ROOT].fstype == "tmpfs"
    assert mounts[f"{ROOT}/pids"].fstype == "cgroup"
    assert "pids" in mounts[f"{ROOT}/pids"].superblock
    assert "nosuid" in mounts[f"{ROOT}/pids"].options


@needs_v1
@pytest.mark.parametrize("own", [True, False])
def test_all_read_only(shop: Workshop, *, own: bool) -> None:
    script = f"echo 1 >{ROOT}/pids/pids.max; echo 1 >{ROOT}/file"
    lines, mounts = show(shop, script, changes("ro", own=own))
    assert all("Read-only file system" in line for line in lines)
    assert len(lines) == 2
    assert all("ro" in line.options for line in mounts.values())


@needs_v1
@needs_v2
def test_the_unified_hierarchy_below_the_others(shop: Workshop) -> None:
    lines, mounts = show(shop, f"cat {ROOT}/unified/cgroup.procs | busybox head -n 1", changes())
    assert mounts[f"{ROOT}/unified"].fstype == "cgroup2"
    assert lines == ["1"]


@needs_v2
@pytest.mark.parametrize("own", [True, False])
def test_cgroup_v2_by_its_name(shop: Workshop, *, own: bool) -> None:
    lines, mounts = show(shop, f"cat {ROOT}/cgroup.procs | busybox head -n 1", changes("ro", kind="cgroup2", own=own))
    assert mounts[ROOT].fstype == "cgroup2"
    assert "ro" in mounts[ROOT].options
    assert lines == ["1"]


def test_nothing_of_the_host_is_shown(shop: Workshop) -> None:
    lines, _mounts = show(shop, f"busybox find {ROOT} -name 'pycontainerd*'", changes(own=False))
    assert lines == []


@needs_v1
@pytest.mark.parametrize("own", [True, False])
def test_in_a_user_namespace(shop: Workshop, rootfs: Path, *, own: bool) -> None:
    rootfs.chmod(0o777)
    kinds = [*(OWN if own else WITHOUT), {"type": "user"}]
    asked = {**IN_USER_NAMESPACE, **changes("ro", own=own), "linux.namespaces": kinds}
    lines, mounts = show(shop, f"cat {ROOT}/pids/cgroup.procs | busybox head -n 1", asked)
    assert mounts[f"{ROOT}/pids"].fstype == "cgroup"
    assert lines == ["1"]


def test_a_container_without_a_cgroup(rootfs: Path) -> None:
    with pytest.raises(ContainerdError, match=r"cannot mount cgroup \(mounts\.2\.type\): the container has no such cgroup"):
        run(rootfs, "true", {"+mounts": [{"destination": ROOT, "type": "cgroup"}]})
