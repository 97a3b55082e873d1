"""What of a container is its host's, as CRIU is told."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from containerd_py.errors import Conflict, NotSupported
from containerd_py.runtime.cgroups.cgroup import Cgroup
from containerd_py.runtime.cgroups.layout import Layout
from containerd_py.runtime.checkpoint import outside
from containerd_py.runtime.checkpoint.ground import points
from containerd_py.runtime.checkpoint.messages import CgroupMode, ExternalMount, JoinedNamespace
from containerd_py.runtime.checkpoint.protection import attributes
from containerd_py.runtime.linux.fd import Fd
from containerd_py.runtime.linux.mounts import MountAttr
from containerd_py.runtime.plan.compiler import Placing, compile_plan
from containerd_py.runtime.plan.plan import Plan
from containerd_py.runtime.spec.models import Spec, parse

PROC = {"destination": "/proc", "type": "proc"}
DEV = {"destination": "/dev", "type": "tmpfs"}


def spec(mounts: tuple[dict[str, Any], ...] = (), namespaces: tuple[dict[str, Any], ...] = (), **linux: Any) -> Spec:
    return parse(
        {
            "root": {"path": "rootfs"},
            "process": {"args": ["x"]},
            "mounts": [PROC, DEV, *mounts],
            "linux": {"namespaces": [{"type": "mount"}, {"type": "pid"}, *namespaces], **linux},
        }
    )


def plan(*mounts: dict[str, Any], **linux: Any) -> Plan:
    return compile_plan(spec(mounts, **linux), Placing("/rootfs", "box", 0, bundle="/bundle"), None)


def bind(source: str, destination: str, *options: str) -> dict[str, Any]:
    return {"type": "bind", "source": source, "destination": destination, "options": list(options)}


@pytest.fixture
def root(tmp_path: Path) -> Iterator[Fd]:
    (tmp_path / "run/real").mkdir(parents=True)
    (tmp_path / "var").mkdir()
    (tmp_path / "var/run").symlink_to("/run")
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc/keys").touch()
    (tmp_path / "proc/acpi").mkdir()
    with Fd(os.open(tmp_path, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)) as opened:
        yield opened


def test_mounts_are_known_by_where_they_are(root: Fd) -> None:
    made = plan(bind("/srv/a", "/a"), bind("/srv/b", "/var/run/real/b", "rbind"), maskedPaths=["/proc/keys"])
    mounted = ("/a", "/a/below", "/run/real/b", "/run/real/b/below", "/run/real/bother")
    assert set(outside.named(made, root, root, mounted)) == {
        ExternalMount("/a", "/a"),
        ExternalMount("/run/real/b", "/run/real/b"),
        ExternalMount("/run/real/b/below", "/run/real/b/below"),
        ExternalMount("/proc/keys", "/proc/keys"),
    }


def test_what_hides_a_directory_is_not_of_the_host(root: Fd) -> None:
    made = plan(maskedPaths=["/proc/acpi", "/proc/none"])
    assert not list(outside.named(made, root, root, ()))


def test_a_restore_finds_them_by_the_same_names(root: Fd, tmp_path: Path) -> None:
    made = plan(bind(str(tmp_path), "/var/run/real/b", "rbind"), bind("/srv/a", "/a"), maskedPaths=["/proc/keys"])
    found = set(outside.sources(made, root, ("/", f"{tmp_path}/below", f"{tmp_path}other")))
    assert found == {
        ExternalMount("/run/real/b", str(tmp_path)),
        ExternalMount("/run/real/b/below", f"{tmp_path}/below"),
        ExternalMount("/a", "/srv/a"),
        ExternalMount("/proc/keys", "/dev/null"),
        ExternalMount("/dev/null", "/dev/null"),  # in images of runc
    }


def test_idmapped_mounts_are_refused() -> None:
    ids = [{"containerID": 0, "hostID": 1000, "size": 1}]
    made = plan(bind("/srv/a", "/a", "idmap") | {"uidMappings": ids, "gidMappings": ids})
    with pytest.raises(NotSupported, match=r"cannot checkpoint or restore mount '/srv/a' \(mounts.2\)"):
        outside.bound(made)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/var/run/real", "/run/real"),
        ("/var/run/real/none/below", "/run/real/none/below"),
        ("/none//./below/", "/none/below"),
        ("/../../run/real", "/run/real"),
        ("/", "/"),
    ],
)
def test_mount_points_are_where_links_lead(root: Fd, path: str, expected: str) -> None:
    assert outside.mount_point(root, path) == expected


def test_namespaces_of_others_are_left_alone_or_joined() -> None:
    given = spec(
        namespaces=(
            {"type": "network", "path": "/proc/self/ns/net"},
            {"type": "ipc", "path": "/proc/self/ns/ipc"},
            {"type": "uts"},
        )
    )
    inode = os.stat("/proc/self/ns/net").st_ino
    assert outside.external_namespaces(given) == (f"net[{inode}]:extRootNetNS",)
    assert outside.joined(given) == (JoinedNamespace("ipc", "/proc/self/ns/ipc"),)


def test_what_criu_cannot_join_is_refused() -> None:
    with pytest.raises(NotSupported, match=r"'/ns' \(linux.namespaces.2\): CRIU does not join a cgroup namespace"):
        outside.joined(spec(namespaces=({"type": "cgroup", "path": "/ns"},)))


def test_streams_are_named_as_criu_does() -> None:
    told = outside.streams(os.getpid())
    assert len(told) == 3
    assert outside.handed_on("pipe:[1]")
    assert outside.handed_on("file[1a:2b]")
    assert not outside.handed_on("/dev/pts/0")
    assert not outside.handed_on("")


V1 = {"memory": "/box", "cpu": "/"}
ALL_OF_V1 = {"memory": "/box", "cpu": "/box"}
V2 = {"": "/parent/box"}
LAYOUT = Layout("/sys/unified", (), {"memory": "/sys/memory", "cpu": "/sys/cpu"})


@pytest.mark.parametrize(
    ("member", "cgroup", "asked", "mode"),
    [
        (V2, Cgroup("/sys/unified/parent/box", ()), None, CgroupMode.SOFT),
        (V2, Cgroup("/sys/unified/parent/box", ()), CgroupMode.FULL, CgroupMode.FULL),
        (V2, Cgroup("/sys/unified/parent/box", ()), CgroupMode.IGNORE, CgroupMode.IGNORE),
        (ALL_OF_V1, Cgroup(None, ("/sys/memory/box", "/sys/cpu/box")), None, CgroupMode.SOFT),
        (V1, Cgroup(None, ("/sys/memory/box",)), None, CgroupMode.IGNORE),
        ({"memory": "/pods/box", "cpu": "/box"}, Cgroup(None, ("/sys/memory/pods/box",)), None, CgroupMode.IGNORE),
        (V1, Cgroup(None, ("/sys/memory/box",)), CgroupMode.IGNORE, CgroupMode.IGNORE),
    ],
)
def test_cgroups_of_others_are_left_alone(
    member: dict[str, str], cgroup: Cgroup, asked: CgroupMode | None, mode: CgroupMode
) -> None:
    assert outside.cgroup_mode(asked, cgroup, member, LAYOUT) is mode


def test_cgroups_that_are_not_its_own_cannot_be_managed() -> None:
    with pytest.raises(NotSupported, match="by mode 'strict': the container has none of its own for cpu"):
        outside.cgroup_mode(CgroupMode.STRICT, Cgroup(None, ("/sys/memory/box",)), V1, LAYOUT)


def test_of_a_process_that_has_ended_nothing_is_told() -> None:
    with subprocess.Popen(["/bin/true"]) as process:
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        with pytest.raises(Conflict, match="it ends at this moment"):
            outside.mount_points(process.pid)


def test_the_ground_has_what_is_mounted_on() -> None:
    made = plan(bind("/srv/a", "/a"))
    assert points(made) == (("/proc", ""), ("/dev", ""), ("/a", "/srv/a"))


def test_what_protects_a_mount() -> None:
    made = plan(bind("/srv/a", "/a", "ro", "nosuid", "noatime"), bind("/srv/b", "/b"), maskedPaths=["/proc/keys"])
    found = {place: MountAttr(added) for place, added, _recursive in attributes(made) if added}
    assert found == {
        "/a": MountAttr.RDONLY | MountAttr.NOSUID,
        "/proc/keys": MountAttr.RDONLY | MountAttr.NOSUID | MountAttr.NOEXEC,
    }
