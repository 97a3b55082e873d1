"""An ordinary user, without a privilege: all of a container's life, with one id mapped and with many."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.oci.bundle import DEV, DEVPTS, PROC
from tests.oci.containers import Containers
from tests.oci.exposing import exposing
from tests.oci.runtime import Runtime, identify

UID = 1000
SYS = {"destination": "/sys", "type": "none", "source": "/sys", "options": ["rbind", "nosuid", "noexec", "nodev", "ro"]}
KINDS = ("user", "pid", "ipc", "uts", "mount")

_BECOME_USER = """
for name in passwd group subuid subgid; do mount --bind "$0/$name" "/etc/$name" || exit 125; done
exec setpriv --reuid=1000 --regid=1000 --clear-groups env -i "XDG_RUNTIME_DIR=$0/run" "$@"
"""
"""In a mount namespace of its own, where the user is known and has ids to give: the machine's files stay as they are. The
user's environment has nothing else in it, no PATH either.
"""


def mapped(*ranges: tuple[int, int, int], **more: Any) -> dict[str, Any]:
    maps = [{"containerID": inside, "hostID": outside, "size": size} for inside, outside, size in ranges]
    return {
        "linux.namespaces": [{"type": kind} for kind in KINDS],
        "linux.uidMappings": maps,
        "linux.gidMappings": maps,
        "linux.cgroupsPath": None,
        "mounts": [PROC, DEV, DEVPTS, SYS],
        **{name.replace("__", "."): value for name, value in more.items()},
    }


ONE = mapped((0, UID, 1))
MANY = mapped((0, UID, 1), (1, 200_000, 65_536))
NEEDS_MAPPERS = pytest.param(MANY, marks=pytest.mark.lacks("runc", "finds newuidmap by PATH alone"))
SLEEP = {"process.args": ["/bin/sleep", "1000"]}


@pytest.fixture
def runtime(runtime_program: str, place: Path) -> Iterator[Runtime]:
    (place / "passwd").write_text(f"root:x:0:0::/root:/bin/sh\nann:x:{UID}:{UID}::/tmp:/bin/sh\n")
    (place / "group").write_text(f"root:x:0:\nann:x:{UID}:\n")
    for name in ("subuid", "subgid"):
        (place / name).write_text("ann:200000:65536\n")
    (place / "run").mkdir(0o700)
    os.chown(place / "run", UID, UID)
    found = identify(runtime_program)
    script = exposing(place) + _BECOME_USER
    found.through = ("/usr/bin/unshare", "--mount", "--propagation", "slave", "/bin/sh", "-c", script, str(place))
    yield found
    found.close()


@pytest.fixture(autouse=True)
def _bundle_of_the_user(rootfs: Path) -> None:
    for path in (rootfs.parent, rootfs, *rootfs.iterdir()):
        os.chown(path, UID, UID)


@pytest.mark.parametrize("changes", [ONE, NEEDS_MAPPERS], ids=["one", "many"])
def test_a_user_runs_a_container(oci: Containers, changes: dict[str, Any]) -> None:
    assert oci.sh("id -u; cat /proc/self/uid_map", changes).split()[:4] == ["0", "0", str(UID), "1"]


@pytest.mark.parametrize("changes", [ONE, NEEDS_MAPPERS], ids=["one", "many"])
def test_the_whole_life_of_a_container(oci: Containers, changes: dict[str, Any]) -> None:
    box = oci.start({**changes, **SLEEP})
    assert box.status() == "running"
    assert f"Uid:\t{UID}\t" in Path(f"/proc/{box.pid}/status").read_text()
    assert box.sh("id -u") == "0"
    assert box.exec("/bin/sh", "-c", "exit 7").code == 7
    box.kill("KILL").ok()
    box.await_status("stopped").delete().ok()
    assert oci.runtime("state", box.id).code == 1


@pytest.mark.parametrize("changes", [ONE, NEEDS_MAPPERS], ids=["one", "many"])
def test_it_is_as_nice_as_its_caller(oci: Containers, changes: dict[str, Any]) -> None:
    """Who may not be less nice need not be."""
    oci.runtime.through = ("/usr/bin/nice", "-n", "10", *oci.runtime.through)
    wanted = min(os.getpriority(os.PRIO_PROCESS, 0) + 10, 19)
    box = oci.start({**changes, **SLEEP})
    found = os.getpriority(os.PRIO_PROCESS, box.pid), int(box.sh("cut -d' ' -f19 /proc/self/stat"))
    assert found == (wanted, wanted)


def test_the_loopback_of_a_users_network_is_up(oci: Containers) -> None:
    """A sysfs may be mounted by who owns the network."""
    sysfs = {"destination": "/sys", "type": "sysfs", "source": "sysfs", "options": ["nosuid", "noexec", "nodev", "ro"]}
    kinds = [{"type": kind} for kind in (*KINDS, "network")]
    changes = {**ONE, "linux.namespaces": kinds, "mounts": [PROC, DEV, DEVPTS, sysfs]}
    assert ",UP," in oci.sh("ip link show lo", changes)


@pytest.mark.parametrize("own", [False, True], ids=["the caller's namespace", "a namespace of its own"])
def test_a_user_who_has_no_cgroup_to_give_shows_the_one_it_is_in(oci: Containers, *, own: bool) -> None:
    kinds = [{"type": kind} for kind in (*KINDS, *(["cgroup"] if own else []))]
    cgroup = {"destination": "/mnt", "type": "cgroup", "source": "cgroup", "options": ["nosuid", "nodev", "noexec"]}
    changes = {**ONE, "linux.namespaces": kinds, "mounts": [PROC, DEV, DEVPTS, SYS, cgroup]}
    told = oci.sh("cd /mnt/memory 2>/dev/null || cd /mnt; cat cgroup.procs; mkdir x 2>&1 || true", changes)
    assert "1" in told.split()


def test_in_a_user_namespace_of_the_callers(oci: Containers, place: Path) -> None:
    """As podman calls a runtime: the document has no user namespace, but the caller is in one, in which root has no
    name, no device can be made and no group given up.
    """
    before = ("/usr/bin/unshare", "--user", "--map-root-user", "--mount")
    oci.runtime.through = (*oci.runtime.through, *before)
    oci.runtime.root = place / "run/state"
    kinds = [{"type": kind} for kind in KINDS if kind != "user"]
    changes = {"linux.namespaces": kinds, "linux.cgroupsPath": None, "mounts": [PROC, DEV, DEVPTS, SYS]}
    assert oci.sh("id -u; echo x >/dev/null && head -c 4 /dev/zero | wc -c", changes).split() == ["0", "4"]


def test_its_state_is_in_the_runtime_directory(oci: Containers, place: Path) -> None:
    box = oci.create({**ONE, **SLEEP})
    assert list((place / "run" / oci.runtime.kind).glob(box.id))
    assert oci.runtime("list", "-q").ok().stdout.split() == [box.id]


@pytest.mark.lacks("runc", "sets no groups for an ordinary user")
def test_many_ids_are_of_use(oci: Containers) -> None:
    user = {"uid": 5, "gid": 6, "additionalGids": [7]}
    changes = {**MANY, "process.user": user}
    assert oci.sh("id -u; id -G; grep -h . /proc/self/uid_map | wc -l", changes).split() == ["5", "6", "7", "2"]


def test_what_it_writes_belongs_to_the_user(oci: Containers) -> None:
    oci.sh("touch /tmp/file", ONE)
    assert (oci.rootfs / "tmp/file").stat().st_uid == UID


def test_the_usual_devices_work(oci: Containers) -> None:
    assert oci.sh("echo x > /dev/null && head -c 4 /dev/zero | wc -c", ONE) == "4"


def test_a_hostname_and_a_tmpfs(oci: Containers) -> None:
    tmpfs = {"destination": "/mnt", "type": "tmpfs", "source": "tmpfs", "options": ["size=64k"]}
    changes = {**ONE, "hostname": "mine", "mounts": [PROC, DEV, DEVPTS, SYS, tmpfs]}
    assert oci.sh("hostname; stat -f -c %T /mnt", changes).split() == ["mine", "tmpfs"]


@pytest.mark.lacks("crun", "leaves them out")
def test_groups_need_many_ids(oci: Containers) -> None:
    oci.refused({**ONE, "process.user": {"uid": 0, "gid": 0, "additionalGids": [5]}})


@pytest.mark.parametrize("outside", [0, 1001, 300_000])
def test_ids_of_others_are_refused(oci: Containers, outside: int) -> None:
    oci.refused(mapped((0, outside, 1)))


@pytest.mark.lacks("crun", "goes without the limit")
def test_a_limit_that_a_user_cannot_set_is_refused(oci: Containers) -> None:
    oci.refused({**ONE, "linux.resources": {"pids": {"limit": 10}}})
