"""Limits of cgroup v1: the files that they are written to, and what they stop."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.oci.bundle import MOUNTS
from tests.oci.containers import Containers, cgroups_of, eventually

CGROUPS = Path("/sys/fs/cgroup")
pytestmark = pytest.mark.skipif(not (CGROUPS / "memory").is_mount(), reason="needs cgroup v1")
MIB = 2**20

FILES: list[tuple[dict[str, Any], str, str, str]] = [
    ({"pids": {"limit": 77}}, "pids", "pids.max", "77"),
    ({"memory": {"limit": 64 * MIB}}, "memory", "memory.limit_in_bytes", str(64 * MIB)),
    ({"memory": {"reservation": 32 * MIB}}, "memory", "memory.soft_limit_in_bytes", str(32 * MIB)),
    ({"memory": {"limit": 64 * MIB, "swap": 96 * MIB}}, "memory", "memory.memsw.limit_in_bytes", str(96 * MIB)),
    ({"cpu": {"shares": 512}}, "cpu", "cpu.shares", "512"),
    ({"cpu": {"quota": 20_000, "period": 50_000}}, "cpu", "cpu.cfs_quota_us", "20000"),
    ({"cpu": {"quota": 20_000, "period": 50_000}}, "cpu", "cpu.cfs_period_us", "50000"),
    ({"cpu": {"cpus": "0"}}, "cpuset", "cpuset.cpus", "0"),
    ({"cpu": {"mems": "0"}}, "cpuset", "cpuset.mems", "0"),
]


@pytest.mark.parametrize(("resources", "controller", "file", "value"), FILES)
def test_a_limit_is_set(oci: Containers, resources: dict[str, Any], controller: str, file: str, value: str) -> None:
    box = oci.start({"linux.resources": resources})
    assert box.cgroup(controller, file) == value


@pytest.mark.lacks("runc<1.2", "knows no burst")
@pytest.mark.lacks("crun<1.8.2", "knows no burst on cgroup v1")
def test_a_burst_is_set(oci: Containers) -> None:
    box = oci.start({"linux.resources": {"cpu": {"quota": 20_000, "period": 50_000, "burst": 10_000}}})
    assert box.cgroup("cpu", "cpu.cfs_burst_us") == "10000"


@pytest.mark.lacks("runc<1.2", "knows no idle")
def test_idle_is_set(oci: Containers) -> None:
    assert oci.start({"linux.resources": {"cpu": {"idle": 1}}}).cgroup("cpu", "cpu.idle") == "1"


def test_the_payload_is_in_all_hierarchies(oci: Containers) -> None:
    box = oci.start({"linux.resources": {"pids": {"limit": 100}, "memory": {"limit": 64 * MIB}}})
    own = {line.split(":")[1]: line.split(":", 2)[2] for line in Path(f"/proc/{box.pid}/cgroup").read_text().splitlines()}
    for controller in ("pids", "memory"):
        assert own[controller].endswith(box.id)


def test_delete_removes_its_cgroups(oci: Containers) -> None:
    box = oci.start({"linux.resources": {"memory": {"limit": 64 * MIB}}})
    assert list(cgroups_of(box.id))
    box.delete("--force").ok()
    assert not list(cgroups_of(box.id))


def test_delete_removes_cgroups_that_the_payload_made(oci: Containers) -> None:
    box = oci.start()
    for path in cgroups_of(box.id):
        (path / "inner").mkdir()
    box.delete("--force").ok()
    assert not list(cgroups_of(box.id))


def test_no_path_is_a_path_of_its_own(oci: Containers) -> None:
    box = oci.start({"linux.cgroupsPath": None, "linux.resources": {"pids": {"limit": 100}}})
    first = next(line for line in Path(f"/proc/{box.pid}/cgroup").read_text().splitlines() if ":pids:" in line)
    assert box.id in first


def test_a_nested_path_is_made(oci: Containers) -> None:
    parent = f"{oci.prefix}-parent"
    box = oci.start({"linux.cgroupsPath": f"/{parent}/{oci.prefix}-child"})
    assert f"/{parent}/" in Path(f"/proc/{box.pid}/cgroup").read_text()
    box.delete("--force").ok()
    for path in [path.parent for path in CGROUPS.glob(f"*/{parent}/cgroup.clone_children")]:
        path.rmdir()


# ── by effect ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_processes_are_limited(oci: Containers) -> None:
    script = "for i in 1 2 3 4 5 6 7 8 9; do sleep 5 & done 2>&1"
    result = oci.run({"process.args": ["/bin/sh", "-c", script], "linux.resources": {"pids": {"limit": 5}}})
    assert "fork" in result.stdout + result.stderr


def test_before_version_1_3_a_limit_of_no_processes_is_none(oci: Containers) -> None:
    """podman 4 writes it where nothing is to be limited."""
    assert oci.sh("sleep 0 & wait; echo forked", {"linux.resources": {"pids": {"limit": 0}}}) == "forked"


def test_memory_is_limited(oci: Containers) -> None:
    script = "head -c 200m /dev/zero | tail | wc -c; echo survived"
    told = oci.run(
        {
            "process.args": ["/bin/sh", "-c", script],
            "linux.resources": {"memory": {"limit": 24 * MIB, "swap": 24 * MIB}},
        }
    )
    assert "209715200" not in told.stdout


@pytest.mark.lacks("runc", "goes without kernelTCP")
def test_kernel_memory_is_limited_with_all_memory(oci: Containers) -> None:
    limits = {"limit": 32 << 20, "swap": 32 << 20, "kernel": 32 << 20, "kernelTCP": 32 << 20}
    box = oci.start({"linux.resources.memory": limits})
    found = {name: box.cgroup("memory", f"memory.{name}.limit_in_bytes") for name in ("memsw", "kmem.tcp")}
    assert set(found.values()) | {box.cgroup("memory", "memory.limit_in_bytes")} == {str(32 << 20)}


def test_time_is_limited(oci: Containers) -> None:
    changes = {
        "process.args": ["/bin/sh", "-c", "while :; do :; done"],
        "linux.resources": {"cpu": {"quota": 5_000, "period": 50_000}},
    }
    box = oci.start(changes)

    def throttled() -> bool:
        lines = dict(line.split() for line in box.cgroup("cpu", "cpu.stat").splitlines())
        return int(lines["nr_throttled"]) > 3

    eventually(throttled, what="throttled periods")


def test_processors_are_limited(oci: Containers) -> None:
    box = oci.start({"linux.resources": {"cpu": {"cpus": "1", "mems": "0"}}})
    assert "Cpus_allowed_list:\t1\n" in Path(f"/proc/{box.pid}/status").read_text()


@pytest.mark.lacks("crun", "takes it for 0, or leaves its cgroups behind", run=False)
@pytest.mark.parametrize(
    "resources",
    [
        {"memory": {"limit": "much"}},
        {"pids": {"limit": "many"}},
        {"cpu": {"shares": -1}},
        {"cpu": {"cpus": "77777"}},
        {"cpu": {"cpus": "x"}},
    ],
)
def test_a_wrong_limit_is_refused(oci: Containers, resources: dict[str, Any]) -> None:
    oci.refused({"linux.resources": resources})


@pytest.mark.lacks("crun", "leaves its cgroups behind", run=False)
def test_a_file_of_cgroup_v2_is_refused(oci: Containers) -> None:
    oci.refused({"linux.resources": {"unified": {"memory.high": "1000000"}}})


def test_a_container_is_thrown_out_whole_however_many_processes_it_has(oci: Containers) -> None:
    script = "for i in $(seq 50); do sleep 1000 & done; echo ready; wait"
    box = oci.start({"process.args": ["/bin/sh", "-c", script]}).await_output("ready")
    box.delete("--force").ok()
    oci.nothing_left(box.id)


# ── block devices, realtime, and what this host may lack ─────────────────────────────────────────────────────────────


def disk() -> dict[str, int]:
    """Return the number of a block device as the specification writes it; nothing is read or written there."""
    found = sorted(Path("/sys/block").iterdir(), key=lambda path: path.name.startswith(("loop", "ram", "zram")))
    if not found:
        pytest.skip("no block device")
    major, minor = (found[0] / "dev").read_text().strip().split(":")
    return {"major": int(major), "minor": int(minor)}


RATES = [
    ("throttleReadBpsDevice", "blkio.throttle.read_bps_device"),
    ("throttleWriteBpsDevice", "blkio.throttle.write_bps_device"),
    ("throttleReadIOPSDevice", "blkio.throttle.read_iops_device"),
    ("throttleWriteIOPSDevice", "blkio.throttle.write_iops_device"),
]


@pytest.mark.parametrize(("name", "file"), RATES)
def test_a_rate_of_a_disk_is_limited(oci: Containers, name: str, file: str) -> None:
    device = disk()
    box = oci.start({"linux.resources": {"blockIO": {name: [device | {"rate": 4096}]}}})
    assert box.cgroup("blkio", file) == "{major}:{minor} 4096".format(**device)


@pytest.mark.lacks("crun<1.8.2", "knows no weight of BFQ on cgroup v1, and leaves its cgroups behind", run=False)
def test_a_weight_of_disks_is_set(oci: Containers) -> None:
    box = oci.start({"linux.resources": {"blockIO": {"weight": 300}}})
    assert box.cgroup("blkio", "blkio.bfq.weight") == "300"


UNIFIED = CGROUPS / "unified/cgroup.controllers"
CONTROLLERS = UNIFIED.read_text().split() if UNIFIED.exists() else []
"""Those of cgroup v2 beside v1."""


@pytest.mark.lacks("crun", "goes without it")
@pytest.mark.lacks("runc", "goes without it")
def test_huge_pages_are_limited_by_cgroup_v2_beside_v1(oci: Containers) -> None:
    if "hugetlb" not in CONTROLLERS:
        pytest.skip("hugetlb is not bound to cgroup v2")
    box = oci.start({"linux.resources": {"hugepageLimits": [{"pageSize": "2MB", "limit": 2 * MIB}]}})
    (own,) = [path for path in cgroups_of(box.id) if (path / "hugetlb.2MB.max").exists()]
    assert (own / "hugetlb.2MB.max").read_text().strip() == str(2 * MIB)


_UNBOUND = [
    ("hugetlb", {"hugepageLimits": [{"pageSize": "2MB", "limit": 2 * MIB}]}),
    ("rdma", {"rdma": {"mlx5_1": {"hcaHandles": 3}}}),
    ("net_cls", {"network": {"classID": 0x100001}}),
    ("net_prio", {"network": {"priorities": [{"name": "lo", "priority": 2}]}}),
]


@pytest.mark.parametrize(("controller", "resources"), _UNBOUND)
@pytest.mark.lacks("crun", "goes without some of them", some=True)
@pytest.mark.lacks("runc", "goes without some of them", some=True)
def test_a_limit_without_its_controller_is_refused_by_name(
    oci: Containers, controller: str, resources: dict[str, Any]
) -> None:
    if controller in CONTROLLERS or (CGROUPS / controller).is_mount():
        pytest.skip(f"{controller} is at work here")
    assert controller in oci.refused({"linux.resources": resources})


def test_realtime_is_given_or_refused(oci: Containers) -> None:
    """A group below the root takes its share from the root's."""
    wanted = {"realtimePeriod": 1_000_000, "realtimeRuntime": 10_000}
    if not (CGROUPS / "cpu/cpu.rt_runtime_us").exists():
        oci.refused({"linux.resources": {"cpu": wanted}})
        return
    box = oci.start({"linux.resources": {"cpu": wanted}})
    assert box.cgroup("cpu", "cpu.rt_runtime_us") == "10000"
    assert box.cgroup("cpu", "cpu.rt_period_us") == "1000000"


def test_the_oom_killer_is_turned_off(oci: Containers) -> None:
    box = oci.start({"linux.resources": {"memory": {"limit": 64 * MIB, "disableOOMKiller": True}}})
    assert "oom_kill_disable 1" in box.cgroup("memory", "memory.oom_control")


def test_a_limit_below_what_is_used_is_refused_where_that_is_checked(oci: Containers, place: Path) -> None:
    script = "mkdir -p /mnt; dd if=/dev/zero of=/mnt/x bs=1M count=20 2>/dev/null; echo ready; sleep 1000"
    mount = {"destination": "/mnt", "type": "tmpfs", "source": "tmpfs"}
    memory = {"limit": 64 * MIB, "swap": 64 * MIB}
    changes = {"process.args": ["/bin/sh", "-c", script], "linux.resources": {"memory": memory}, "mounts": [*MOUNTS, mount]}
    box = oci.start(changes).await_output("ready")
    (place / "resources.json").write_text(json.dumps({"memory": {"limit": 8 * MIB, "checkBeforeUpdate": True}}))
    assert oci.runtime("update", "--resources", place / "resources.json", box.id).code != 0
    assert box.cgroup("memory", "memory.limit_in_bytes") == str(64 * MIB)
    assert box.status() == "running"


@pytest.mark.lacks("crun", "refuses to mount cgroups beside v1", run=False)
def test_a_payload_that_makes_cgroups_is_in_every_hierarchy(oci: Containers) -> None:
    """Of v1, where there are any: systemd in a container asks for whichever it likes, and for its own, `name=systemd`."""
    writable = {"destination": "/sys/fs/cgroup", "type": "cgroup", "source": "cgroup", "options": ["nosuid", "noexec"]}
    box = oci.start({"mounts": [*MOUNTS, writable]})
    joined = [line.split(":") for line in Path(f"/proc/{box.pid}/cgroup").read_text().splitlines()]
    known = {"cpu", "cpuset", "cpuacct", "blkio", "memory", "freezer", "devices", "pids", "name=systemd"}
    assert [path for _number, names, path in joined if known & set(names.split(",")) and path != f"/{box.id}"] == []
    mounted = box.exec("ls", "/sys/fs/cgroup").ok().stdout.split()
    assert ("systemd" in mounted) == (CGROUPS / "systemd").is_mount()
    if "systemd" in mounted:
        assert box.exec("ls", "/sys/fs/cgroup/systemd/tasks").ok()


def test_a_limit_that_an_update_sets_is_shown_to_the_payload(oci: Containers) -> None:
    """In a hierarchy that nothing asked for at the start."""
    shown = {"destination": "/sys/fs/cgroup", "type": "cgroup", "source": "cgroup", "options": ["nosuid", "noexec", "ro"]}
    box = oci.start({"mounts": [*MOUNTS, shown]})
    oci.runtime("update", "--cpu-quota", "30000", "--cpu-period", "60000", box.id).ok()
    assert box.exec("cat", "/sys/fs/cgroup/cpu/cpu.cfs_quota_us").ok().stdout == "30000\n"


@pytest.mark.lacks("crun", "refuses to mount cgroups beside v1", run=False)
@pytest.mark.parametrize("policy", ["SCHED_FIFO", "SCHED_RR"])
def test_cgroups_among_the_mounts_are_in_nobodys_way(oci: Containers, policy: str) -> None:
    """Where the kernel has CONFIG_RT_GROUP_SCHED a process in `cpu` may have no realtime policy."""
    shown = {"destination": "/sys/fs/cgroup", "type": "cgroup", "source": "cgroup", "options": ["nosuid", "noexec", "ro"]}
    oci.run({"mounts": [*MOUNTS, shown], "process.scheduler": {"policy": policy, "priority": 1}}).ok()
