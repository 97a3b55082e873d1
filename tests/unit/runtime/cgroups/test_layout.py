"""Where cgroups are mounted, from the text of /proc/self/mountinfo."""

from pathlib import Path

import pytest

from containerd_py.runtime.cgroups.layout import Layout, parse_mountinfo, probe

ROOT = "22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw,discard\n"
V1 = """\
31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755
32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw,nosuid shared:9 master:2 - cgroup cgroup rw,cpu,cpuacct
33 31 0:30 / /sys/fs/cgroup/pids rw - cgroup cgroup rw,pids
34 31 0:31 / /sys/fs/cgroup/cpuset rw - cgroup cgroup rw,cpuset,cpuset_v2_mode,noprefix,clone_children,xattr
35 31 0:32 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,xattr,release_agent=/usr/lib/agent,name=systemd
36 31 0:33 / /sys/fs/cgroup/net_cls ro - cgroup cgroup ro,favordynmods,net_cls
"""


def v2(where: object) -> str:
    return f"40 31 0:38 / {where} rw,nosuid - cgroup2 cgroup2 rw,nsdelegate\n"


@pytest.fixture
def unified(tmp_path: Path) -> Path:
    (tmp_path / "cgroup.controllers").write_text("cpu memory pids\n")
    return tmp_path


def test_v1() -> None:
    layout = parse_mountinfo(ROOT + V1)
    assert layout.v2 is None
    assert layout.v2_controllers == ()
    assert layout.v1 == {
        "cpu": "/sys/fs/cgroup/cpu,cpuacct",
        "cpuacct": "/sys/fs/cgroup/cpu,cpuacct",
        "pids": "/sys/fs/cgroup/pids",
        "cpuset": "/sys/fs/cgroup/cpuset",
        "net_cls": "/sys/fs/cgroup/net_cls",
    }
    assert layout.named == {"name=systemd": "/sys/fs/cgroup/systemd"}
    assert layout.hierarchies == layout.v1 | layout.named
    assert layout.driver() == "cgroupfs-v1"
    assert layout.controllers() == ("cpu", "cpuacct", "cpuset", "net_cls", "pids")


def test_v2(unified: Path) -> None:
    layout = parse_mountinfo(ROOT + v2(unified))
    assert layout == Layout(str(unified), ("cpu", "memory", "pids"), {})
    assert layout.driver() == "cgroupfs-v2"
    assert layout.controllers() == ("cpu", "memory", "pids")


def test_hybrid(unified: Path) -> None:
    layout = parse_mountinfo(ROOT + V1 + v2(unified))
    assert layout.v2 == str(unified)
    assert layout.v1["pids"] == "/sys/fs/cgroup/pids"
    assert layout.driver() == "cgroupfs-hybrid"
    assert layout.controllers() == ("cpu", "cpuacct", "cpuset", "memory", "net_cls", "pids")


def test_the_first_mount_of_a_hierarchy_counts(unified: Path) -> None:
    again = "50 22 0:30 / /mnt/pids rw - cgroup cgroup rw,pids\n"
    layout = parse_mountinfo(V1 + again + v2(unified) + v2("/mnt/unified"))
    assert (layout.v1["pids"], layout.v2) == ("/sys/fs/cgroup/pids", str(unified))


def test_without_cgroups_there_is_nothing() -> None:
    assert parse_mountinfo(ROOT) == Layout(None, (), {})


def test_a_v2_mount_that_cannot_be_read_has_no_controllers(tmp_path: Path) -> None:
    assert parse_mountinfo(v2(tmp_path)) == Layout(str(tmp_path), (), {})


def test_probing_reads_the_file(tmp_path: Path, unified: Path) -> None:
    (tmp_path / "mountinfo").write_bytes(b"60 22 0:50 / /mnt/\xff rw - ext4 /dev/vdb rw\n" + v2(unified).encode())
    assert probe(str(tmp_path / "mountinfo")).v2 == str(unified)


MEMBERSHIP = """\
9:name=systemd:/
8:pids:/jobs/17
1:cpu,cpuacct:/
0::/user.slice/session-1.scope
"""


@pytest.mark.parametrize(
    ("root", "own"),
    [
        ("/", "/jobs/17"),
        ("/jobs", "/17"),
        ("/jobs/17", ""),
        ("/elsewhere", ""),  # a mount that does not show our own cgroup
        ("/job", ""),
    ],
)
def test_our_own_cgroup(root: str, own: str) -> None:
    line = f"33 31 0:30 {root} /sys/fs/cgroup/pids rw - cgroup cgroup rw,pids\n"
    assert parse_mountinfo(line, MEMBERSHIP).own == {"/sys/fs/cgroup/pids": f"/sys/fs/cgroup/pids{own}"}


def test_our_own_cgroup_of_v2(unified: Path) -> None:
    layout = parse_mountinfo(V1 + v2(unified), MEMBERSHIP)
    assert layout.own[str(unified)] == f"{unified}/user.slice/session-1.scope"
    assert layout.own["/sys/fs/cgroup/cpu,cpuacct"] == "/sys/fs/cgroup/cpu,cpuacct"


def test_our_own_cgroup_outside_a_namespace_is_the_mount(unified: Path) -> None:
    assert parse_mountinfo(v2(unified), "0::/../sibling\n").own == {str(unified): str(unified)}


@pytest.mark.parametrize("character", ["\r", "\v", "\u2028"])
def test_a_mount_of_a_user_may_have_any_name(tmp_path: Path, character: str) -> None:
    """Python would end a line there; users may mount file systems of their own (fusermount)."""
    mounts, membership = tmp_path / "mountinfo", tmp_path / "cgroup"
    strange = f"50 20 0:50 / /home/a{character}b rw - fuse x rw\n"
    mounts.write_bytes(f"{strange}31 20 0:27 / /cg/pids rw - cgroup cgroup rw,pids\n".encode())
    membership.write_bytes(f"3:pids:/a{character}b\n".encode())
    found = probe(str(mounts), str(membership))
    assert (found.v1, found.own) == ({"pids": "/cg/pids"}, {"/cg/pids": f"/cg/pids/a{character}b"})
