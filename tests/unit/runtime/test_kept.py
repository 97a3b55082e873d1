"""What is kept by runc's names, from a document and a process."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from containerd_py.runtime import kept
from containerd_py.runtime.cgroups.cgroup import Cgroup
from containerd_py.runtime.cgroups.layout import Layout
from containerd_py.runtime.spec.models import Spec
from containerd_py.runtime.spec.resources import Resources

MakeSpec = Callable[[dict[str, Any]], Spec]
V1 = {"cpu": "/c/cpu,cpuacct", "cpuacct": "/c/cpu,cpuacct", "memory": "/c/memory", "pids": "/c/pids"}
PLACE = Cgroup("/c/unified/all/box", ("/c/memory/all/box", "/c/cpu,cpuacct/all/box"))


@pytest.mark.parametrize(
    ("layout", "cgroup", "expected"),
    [
        (Layout("/c", ("pids",), {}), Cgroup("/c/all/box", ()), {"": "/c/all/box"}),
        (
            Layout(None, (), V1),
            Cgroup(None, PLACE.v1),
            {"cpu": PLACE.v1[1], "cpuacct": PLACE.v1[1], "memory": PLACE.v1[0]},
        ),
        (
            Layout("/c/unified", (), V1),
            PLACE,
            {"": PLACE.v2, "cpu": PLACE.v1[1], "cpuacct": PLACE.v1[1], "memory": PLACE.v1[0]},
        ),
        (Layout("/c", (), {}), Cgroup(None, ()), {}),
    ],
)
def test_cgroups_by_controller(layout: Layout, cgroup: Cgroup, expected: dict[str, str]) -> None:
    assert kept.cgroup_paths(cgroup, layout) == expected


def test_the_document_by_the_names_of_runc(make_spec: MakeSpec) -> None:
    tmpfs = {"destination": "/t", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "ro", "size=4k", "mode=755"]}
    bind = {"destination": "/b", "source": "/src", "options": ["rbind", "rprivate"]}
    mapping = [{"containerID": 0, "hostID": 1000, "size": 5}]
    spec = make_spec(
        {
            "annotations": {"a": "b=c"},
            "hostname": "box",
            "root.readonly": True,
            "mounts": [tmpfs, bind],
            "process.capabilities": {"bounding": ["CAP_KILL"]},
            "process.oomScoreAdj": 7,
            "linux.namespaces": [{"type": "mount"}, {"type": "network", "path": "/n"}, {"type": "user"}],
            "linux.uidMappings": mapping,
            "linux.maskedPaths": ["/m"],
            "linux.resources": {"memory": {"limit": 4096}, "cpu": {"cpus": "0-1"}},
        }
    )
    found = kept.of_container(spec, "box", bundle="/b", rootfs="/b/r", cgroup=PLACE, layout=Layout(None, (), V1))
    config = found["config"]
    assert config["labels"] == ["bundle=/b", "a=b=c"]
    assert (config["rootfs"], config["readonlyfs"], config["hostname"]) == ("/b/r", True, "box")
    assert config["namespaces"] == [
        {"type": "NEWNS", "path": ""},
        {"type": "NEWNET", "path": "/n"},
        {"type": "NEWUSER", "path": ""},
    ]
    assert config["mounts"] == [
        {"source": "tmpfs", "destination": "/t", "device": "tmpfs", "flags": 3, "data": "size=4k,mode=755"},
        {"source": "/src", "destination": "/b", "device": "bind", "flags": 4096 | 16384, "data": ""},
    ]
    assert config["uid_mappings"] == [{"container_id": 0, "host_id": 1000, "size": 5}]
    assert config["capabilities"]["Bounding"] == ["CAP_KILL"]
    assert config["oom_score_adj"] == 7
    assert config["mask_paths"] == ["/m"]
    cgroups = config["cgroups"]
    assert (cgroups["path"], cgroups["memory"], cgroups["cpuset_cpus"]) == ("/all/box", 4096, "0-1")
    assert (cgroups["cpu_shares"], cgroups["pids_limit"]) == (0, 0)
    assert found["rootless"] is (os.geteuid() != 0)


def test_only_limits_that_are_asked_for() -> None:
    asked = {"memory": {"limit": -1}, "cpu": {"shares": 5, "mems": ""}, "pids": {"limit": 0}}
    assert kept.limits(Resources.parse(asked)) == {
        "memory": -1,
        "cpu_shares": 5,
        "cpuset_mems": "",
        "pids_limit": 0,
    }
    assert kept.limits(Resources()) == {}


def test_a_process_is_told_from_others_by_its_start() -> None:
    found = kept.of_process(os.getpid())
    fields = Path("/proc/self/stat").read_text().rpartition(")")[2].split()
    assert found["init_process_start"] == int(fields[19])
    assert found["init_process_pid"] == os.getpid()
    assert found["namespace_paths"]["NEWNS"] == f"/proc/{os.getpid()}/ns/mnt"
    assert all(map(os.path.exists, found["namespace_paths"].values()))
    assert kept.descriptors(os.getpid())["external_descriptors"] == [
        os.readlink(f"/proc/self/fd/{number}") for number in range(3)
    ]
