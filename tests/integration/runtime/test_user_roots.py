"""Roots of user namespaces: what the parent hands over, and what is bound in place of being made. Needs root."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from containerd_py.errors import ContainerdError, InvalidArgument
from tests.integration.runtime.boxes import FIRST, IN_USER_NAMESPACE, MAPPED, Box, run
from tests.integration.runtime.workshop import OWN
from tests.surroundings import host_mounts

SHOW = "cat /proc/self/mountinfo"


def give(folder: Path, owner: int = FIRST) -> None:
    for path in (folder, *folder.rglob("*")):
        os.chown(path, owner, owner, follow_symlinks=False)


@pytest.fixture
def own_rootfs(rootfs: Path) -> Path:
    """A root that belongs to the mapped root, behind a directory that it may not search."""
    give(rootfs)
    rootfs.parent.chmod(0o700)
    return rootfs


@pytest.fixture
def reachable_rootfs(rootfs: Path) -> Iterator[Path]:
    """The same in a place that everybody may search."""
    give(rootfs)
    folder = Path(f"/var/tmp/pycontainerd-test-{os.getpid()}")
    shutil.copytree(rootfs, folder / "rootfs", symlinks=True)
    give(folder)
    folder.chmod(0o755)
    yield folder / "rootfs"
    shutil.rmtree(folder)


def inside(rootfs: Path, script: str, *mounts: dict[str, Any], **placing: Any) -> Box:
    return run(rootfs, script, {**IN_USER_NAMESPACE, "+mounts": list(mounts)}, **placing)


def bind(source: Path, *options: str, **more: Any) -> dict[str, Any]:
    return {"destination": "/data", "source": str(source), "type": "bind", "options": list(options), **more}


def test_a_root_out_of_reach(own_rootfs: Path) -> None:
    box = inside(own_rootfs, "busybox id -u; echo x >/file && cat /file; ls -d /proc/1; cat /proc/self/uid_map")
    assert box.failed is None
    assert box.lines[:3] == ["0", "x", "/proc/1"]
    assert box.lines[3].split() == ["0", str(FIRST), "65536"]
    assert (own_rootfs / "file").stat().st_uid == FIRST


def test_a_root_within_reach(reachable_rootfs: Path) -> None:
    assert inside(reachable_rootfs, "echo x >/file && cat /file").output == "x\n"


@pytest.mark.parametrize("wanted", ["private", "rslave", "shared", "rshared", "runbindable"])
@pytest.mark.parametrize("place", ["own_rootfs", "reachable_rootfs"])
def test_propagation(request: pytest.FixtureRequest, place: str, wanted: str) -> None:
    rootfs: Path = request.getfixturevalue(place)
    before = host_mounts(rootfs)
    masks = {"linux.maskedPaths": ["/proc/keys", "/proc/sys", "/proc/acpi"]}
    changes = {**IN_USER_NAMESPACE, **masks, "linux.rootfsPropagation": wanted}
    assert "/" in run(rootfs, SHOW, changes).mounts
    assert host_mounts(rootfs) == before


def test_without_a_parent_that_may_clone(reachable_rootfs: Path) -> None:
    """As for an ordinary user: the worker takes what it can reach."""
    (reachable_rootfs.parent / "data").mkdir()
    (reachable_rootfs.parent / "data/file").write_text("told\n")
    mount = bind(reachable_rootfs.parent / "data", "rbind", "ro")
    assert inside(reachable_rootfs, "cat /data/file", mount, privileged=False).output == "told\n"


def test_a_source_out_of_reach(own_rootfs: Path, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data/file").write_text("told\n")
    box = inside(own_rootfs, f"cat /data/file; echo x >/data/other; {SHOW}", bind(tmp_path / "data", "rbind", "ro"))
    assert box.lines[0] == "told"
    assert "Read-only file system" in box.lines[1]
    assert not any(field.startswith("shared") for field in box.mounts["/data"].propagation)


def test_a_source_that_is_missing(own_rootfs: Path, tmp_path: Path) -> None:
    with pytest.raises(
        InvalidArgument, match=rf"cannot open bind source '{tmp_path}/absent' \(mounts\.2\): No such"
    ) as caught:
        inside(own_rootfs, "true", bind(tmp_path / "absent"))
    assert (caught.value.step, caught.value.errno) == ("mount", "ENOENT")


LOCKED = """
import sys
from containerd_py.runtime.init import mounts, steps
from containerd_py.runtime.linux.mounts import clone_tree
from containerd_py.runtime.plan import operations as op
with clone_tree(-100, sys.argv[1], recursive=True) as tree:
    mounts._set_attributes(tree.fileno(), op.AttachTree(0, "/a", "/b", 2, 8))
    try:
        mounts._set_attributes(tree.fileno(), op.AttachTree(0, "/a", "/b", 2, 1))
    except steps.StepFailed as problem:
        print(problem.errno, problem)
"""


def test_a_flag_that_is_locked(tmp_path: Path) -> None:
    """What a mount of the host forbids a user namespace cannot allow; what it allows may be asked for."""
    script = (
        f'mount -t tmpfs -o ro none "{tmp_path}" && exec unshare --user --map-root-user --mount "$0" -c "$1" "{tmp_path}"'
    )
    done = subprocess.run(
        ["/usr/bin/unshare", "--mount", "/bin/sh", "-c", script, sys.executable, LOCKED],
        check=True,
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert done.stdout.startswith("1 ")
    assert "may have one of RDONLY, locked in this user namespace" in done.stdout


@pytest.mark.parametrize("privileged", [True, False])
def test_what_lies_below_a_mount_of_the_host_stays_hidden(reachable_rootfs: Path, *, privileged: bool) -> None:
    """Even from a payload that is almighty in its user namespace (mount_namespaces(7), "locked")."""
    sets = {key: ["CAP_SYS_ADMIN"] for key in ("bounding", "effective", "permitted")}
    mount = bind(Path("/dev"), "rbind")
    changes = {**IN_USER_NAMESPACE, "process.capabilities": sets, "+mounts": [mount]}
    box = run(reachable_rootfs, "busybox umount /data/shm; echo $?", changes, privileged=privileged)
    assert box.lines == ["umount: can't unmount /data/shm: Invalid argument", "1"]


def test_devices_are_the_hosts(own_rootfs: Path) -> None:
    box = inside(
        own_rootfs, "echo x >/dev/null && busybox head -c 2 /dev/zero | busybox od -An -tx1; ls /dev; : >/dev/full"
    )
    assert box.lines[0].split() == ["00", "00"]
    assert set(box.lines[1:]) >= {"full", "null", "random", "tty", "urandom", "zero", "fd", "stdin"}


def test_a_device_that_is_asked_for(own_rootfs: Path) -> None:
    devices = [
        {"type": "c", "path": "/dev/kmsg", "major": 1, "minor": 11},
        {"type": "p", "path": "/dev/pipe", "fileMode": 0o600},
    ]
    script = "busybox stat -c '%n %F %t:%T' /dev/kmsg /dev/pipe"
    box = run(own_rootfs, script, {**IN_USER_NAMESPACE, "linux.devices": devices})
    assert box.lines == ["/dev/kmsg character special file 1:b", "/dev/pipe fifo 0:0"]


def test_the_hosts_node_is_another_device(own_rootfs: Path) -> None:
    devices = [{"type": "c", "path": "/dev/kmsg", "major": 1, "minor": 12}]
    box = run(own_rootfs, "true", {**IN_USER_NAMESPACE, "linux.devices": devices})
    assert isinstance(box.failed, ContainerdError)
    assert (box.failed.step, box.failed.errno) == ("device", "EEXIST")


def test_masks(own_rootfs: Path) -> None:
    (own_rootfs / "secret").write_text("secret\n")
    changes = {"linux.maskedPaths": ["/secret", "/proc/timer_list", "/proc/acpi", "/proc/sys"], **IN_USER_NAMESPACE}
    box = run(own_rootfs, "cat /secret /proc/timer_list; ls /proc/sys; echo end", changes)
    assert box.output == "end\n"


def test_pts_and_others(own_rootfs: Path) -> None:
    mounts: list[dict[str, Any]] = [
        {"destination": "/dev/pts", "type": "devpts", "options": ["newinstance", "ptmxmode=0666", "gid=5"]},
        {"destination": "/dev/mqueue", "type": "mqueue", "options": ["nosuid"]},
        {"destination": "/sys", "type": "sysfs", "options": ["nosuid", "ro"]},
    ]
    found = inside(own_rootfs, SHOW, *mounts).mounts
    assert [found[mount["destination"]].fstype for mount in mounts] == ["devpts", "mqueue", "sysfs"]


def test_the_hosts_sysfs_stands_in_without_a_network_of_its_own(own_rootfs: Path) -> None:
    sysfs = {"destination": "/sys", "type": "sysfs", "options": ["nosuid", "noexec", "nodev", "ro"]}
    kinds = [{"type": kind} for kind in ("mount", "pid", "ipc", "uts", "cgroup", "user")]
    box = run(own_rootfs, SHOW, {**IN_USER_NAMESPACE, "linux.namespaces": kinds, "+mounts": [sysfs]})
    below = [place for place in box.mounts if place.startswith("/sys")]
    assert box.mounts["/sys"].fstype == "sysfs"
    assert all(box.mounts[place].options >= {"ro", "nosuid", "noexec", "nodev"} for place in below)


# ── idmapped mounts ──────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Files of two owners."""
    folder = tmp_path / "data"
    folder.mkdir()
    for owner in (0, 7):
        (folder / str(owner)).touch()
        os.chown(folder / str(owner), owner, owner)
    folder.chmod(0o777)
    return folder


OWNERS = "cd /data; busybox stat -c '%n %u %g' 0 7"


@pytest.mark.parametrize("options", [("idmap",), ("rbind", "ridmap")])
def test_the_containers_own_mapping(own_rootfs: Path, data: Path, options: tuple[str, ...]) -> None:
    box = inside(own_rootfs, f"{OWNERS}; echo x >new; busybox stat -c '%u' new", bind(data, *options))
    assert box.lines == ["0 0 0", "7 7 7", "0"]
    assert (data / "new").stat().st_uid == 0


def test_without_one_the_ids_are_nobodys(own_rootfs: Path, data: Path) -> None:
    assert inside(own_rootfs, OWNERS, bind(data)).lines == ["0 65534 65534", "7 65534 65534"]


@pytest.mark.parametrize("own_user", [False, True])
def test_a_mapping_of_the_mount(rootfs: Path, data: Path, *, own_user: bool) -> None:
    give(rootfs)
    base = FIRST if own_user else 0
    mappings = [{"containerID": 0, "hostID": base + 500, "size": 10}]
    mount = bind(data, "idmap", uidMappings=mappings, gidMappings=mappings)
    changes = IN_USER_NAMESPACE if own_user else {"linux.namespaces": OWN}
    assert run(rootfs, OWNERS, {**changes, "+mounts": [mount]}).lines == ["0 500 500", "7 507 507"]


def test_mappings_without_the_option(rootfs: Path, data: Path) -> None:
    mappings = [{"containerID": 7, "hostID": 70, "size": 1}]
    mount = bind(data, uidMappings=mappings, gidMappings=mappings)
    assert run(rootfs, OWNERS, {"+mounts": [mount]}).lines == ["0 65534 65534", "7 70 70"]


@pytest.mark.parametrize(
    ("option", "expected"),
    [
        ("idmap=uids=0-300000-1#7-100001-1;gids=0-100002-10", ["0 65534 2", "7 1 9"]),
        ("idmap=uids=@0-10-10;gids=@0-20-10", ["0 10 20", "7 17 27"]),
    ],
)
def test_ranges_in_the_option(own_rootfs: Path, data: Path, option: str, expected: list[str]) -> None:
    assert inside(own_rootfs, OWNERS, bind(data, option)).lines == expected


def test_a_file_system_that_cannot(rootfs: Path) -> None:
    mount = bind(Path("/proc"), "idmap", uidMappings=MAPPED, gidMappings=MAPPED)
    with pytest.raises(
        ContainerdError, match=r"cannot map the ids of bind source '/proc' \(mounts\.2\): Invalid"
    ) as caught:
        run(rootfs, "true", {"+mounts": [mount]})
    assert caught.value.kind == "not_supported"
    assert caught.value.hint
