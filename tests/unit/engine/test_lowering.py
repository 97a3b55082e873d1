"""The friendly form of a container and the OCI document that it becomes."""

import asyncio
import os
from pathlib import Path
from typing import Any

import pytest

from containerd_py.engine import host_devices
from containerd_py.engine.lowering import lower
from containerd_py.errors import InvalidArgument
from containerd_py.runtime.spec import defaults
from containerd_py.runtime.spec.models import Spec, parse
from containerd_py.runtime.spec.seccomp_profile import default_profile
from containerd_py.runtime.spec.validate import validate
from containerd_py.wire import ContainerSpec

ID = "0123456789abcdef"


def lowered(*, device_rules: bool = False, **given: Any) -> Spec:
    request = ContainerSpec.model_validate({"rootfs": "/srv/root", "args": ["/bin/true"]} | given)
    return asyncio.run(lower(request, ID, device_rules=device_rules))


def document(**given: Any) -> dict[str, Any]:
    return lowered(**given).document()


def at(found: Any, path: str) -> Any:
    for name in path.split("."):
        found = found.get(name) if isinstance(found, dict) else found[int(name)]
    return found


@pytest.mark.parametrize(
    ("given", "path", "expected"),
    [
        ({}, "root", {"path": "/srv/root", "readonly": False}),
        ({"read_only": True}, "root.readonly", True),
        ({"args": ["a", "b c", ""]}, "process.args", ["a", "b c", ""]),
        ({}, "process.cwd", "/"),
        ({"cwd": "/tmp"}, "process.cwd", "/tmp"),
        ({}, "process.terminal", False),
        ({"terminal": True}, "process.terminal", True),
        ({}, "process.noNewPrivileges", True),
        ({}, "hostname", ID[:12]),
        ({"hostname": "web"}, "hostname", "web"),
        ({"hostname": ""}, "hostname", ""),
        ({}, "annotations", {defaults.ROOTFS_ANNOTATION: "nodev"}),
        (
            {"network": "none"},
            "annotations",
            {defaults.ROOTFS_ANNOTATION: "nodev", defaults.NETWORK_ANNOTATION: "none"},
        ),
        ({"annotations": {"a": "b"}}, "annotations", {"a": "b", defaults.ROOTFS_ANNOTATION: "nodev"}),
        ({"network": "host"}, "annotations", {defaults.ROOTFS_ANNOTATION: "nodev"}),
        ({}, "process.user.uid", 0),
        ({}, "process.user.gid", 0),
        ({}, "linux.maskedPaths", list(defaults.MASKED_PATHS)),
        ({}, "linux.readonlyPaths", list(defaults.READONLY_PATHS)),
        ({}, "linux.resources", None),
        ({"resources": {"pids": 7}}, "linux.resources.pids", {"limit": 7}),
    ],
)
def test_each_field_has_its_place(given: dict[str, Any], path: str, expected: Any) -> None:
    assert at(document(**given), path) == expected


@pytest.mark.parametrize(
    ("network", "expected"),
    [
        ("private", {"pid", "network", "ipc", "uts", "mount", "cgroup"}),
        ("none", {"pid", "network", "ipc", "uts", "mount", "cgroup"}),
        ("host", {"pid", "ipc", "uts", "mount", "cgroup"}),
    ],
)
def test_namespaces(network: str, expected: set[str]) -> None:
    assert {entry["type"] for entry in at(document(network=network), "linux.namespaces")} == expected


def test_capabilities_and_seccomp_are_the_safe_ones() -> None:
    spec = lowered()
    assert spec.process is not None
    assert spec.process.capabilities == defaults.capabilities()
    assert spec.linux.seccomp == default_profile()


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, [f"PATH={defaults.PATH}", f"HOSTNAME={ID[:12]}", "HOME=/root"]),
        ({"terminal": True}, [f"PATH={defaults.PATH}", f"HOSTNAME={ID[:12]}", "HOME=/root", "TERM=xterm"]),
        ({"hostname": "web"}, [f"PATH={defaults.PATH}", "HOSTNAME=web", "HOME=/root"]),
        ({"env": {"B": "1", "A": "2"}}, [f"PATH={defaults.PATH}", f"HOSTNAME={ID[:12]}", "HOME=/root", "B=1", "A=2"]),
        ({"env": {"A": "1", "PATH": "/x"}}, ["PATH=/x", f"HOSTNAME={ID[:12]}", "HOME=/root", "A=1"]),
        ({"env": {"HOME": ""}}, [f"PATH={defaults.PATH}", f"HOSTNAME={ID[:12]}", "HOME="]),
        ({"env": {"E": "a=b c"}}, [f"PATH={defaults.PATH}", f"HOSTNAME={ID[:12]}", "HOME=/root", "E=a=b c"]),
    ],
)
def test_the_environment_has_each_name_once_in_order(given: dict[str, Any], expected: list[str]) -> None:
    assert at(document(**given), "process.env") == expected


def test_the_result_is_a_valid_document_that_says_the_same_again() -> None:
    spec = lowered(
        terminal=True, network="none", resources={"pids": 3}, device_rules=True, mounts=[{"target": "/x", "source": "/y"}]
    )
    validate(spec)
    assert parse(spec.document()) == spec


# ── mounts ──


def mounts(*asked: dict[str, Any]) -> list[tuple[str, str | None, str | None]]:
    return [(mount.destination, mount.type, mount.source) for mount in lowered(mounts=list(asked)).mounts]


DEFAULTS = [(mount.destination, mount.type, mount.source) for mount in defaults.mounts()]


def test_the_default_mounts_come_first() -> None:
    assert mounts({"target": "/a", "source": "/b"}) == [*DEFAULTS, ("/a", "bind", "/b")]


@pytest.mark.parametrize("target", ["/dev/shm", "/dev/shm/", "/dev/./shm", "/dev//shm", "//dev/shm", "/dev/x/../shm"])
def test_a_default_gives_way_to_what_is_asked_for_on_its_target(target: str) -> None:
    place = [entry[0] for entry in DEFAULTS].index("/dev/shm")
    found = mounts({"target": target, "source": "/mine"})
    assert found == [*DEFAULTS[:place], (target, "bind", "/mine"), *DEFAULTS[place + 1 :]]


def test_a_default_stays_where_something_else_is_asked_for_below_it() -> None:
    assert mounts({"target": "/dev/shm/sub", "type": "tmpfs"})[:-1] == DEFAULTS


def test_several_mounts_keep_their_order() -> None:
    found = mounts({"target": "/b", "type": "tmpfs"}, {"target": "/a", "type": "tmpfs"}, {"target": "/b", "source": "/c"})
    assert [entry[0] for entry in found[-3:]] == ["/b", "/a", "/b"]


def test_defaults_below_a_replaced_default_are_mounted_after_it() -> None:
    targets = [entry[0] for entry in mounts({"target": "/dev", "type": "tmpfs"})]
    below = [target for target in targets if target.startswith("/dev/")]
    assert all(targets.index(target) > targets.index("/dev") for target in below)


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({"source": "/s"}, ("bind", "/s", ("rbind",))),
        ({"source": "/s", "options": ["ro"]}, ("bind", "/s", ("rbind", "ro"))),
        ({"source": "/s", "options": ["bind", "ro"]}, ("bind", "/s", ("bind", "ro"))),
        ({"source": "/s", "options": ["ro", "rbind"]}, ("bind", "/s", ("ro", "rbind"))),
        ({"source": "/s", "type": "bind"}, ("bind", "/s", ("rbind",))),
        ({"type": "tmpfs"}, ("tmpfs", "tmpfs", ())),
        ({"type": "tmpfs", "source": "mine", "options": ["size=1m"]}, ("tmpfs", "mine", ("size=1m",))),
    ],
)
def test_a_mount_is_a_bind_where_it_has_a_source_only(asked: dict[str, Any], expected: tuple[Any, ...]) -> None:
    mount = lowered(mounts=[{"target": "/t"} | asked]).mounts[-1]
    assert (mount.type, mount.source, mount.options) == expected


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({}, "neither source nor type"),
        ({"source": "relative"}, "absolute path, not 'relative'"),
        ({"source": ""}, "absolute path, not ''"),
        ({"type": "bind"}, "absolute path, not None"),
    ],
)
def test_a_mount_that_says_too_little_is_refused(asked: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidArgument, match="cannot mount on '/t': .*" + words) as refused:
        lowered(mounts=[{"target": "/t"} | asked])
    assert refused.value.step == "lower"


# ── limits ──


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"memory_bytes": 1 << 20}, {"memory": {"limit": 1 << 20}}),
        ({"cpus": 0.5}, {"cpu": {"quota": 50_000, "period": 100_000}}),
        ({"cpus": 2.25, "pids": 3}, {"cpu": {"quota": 225_000, "period": 100_000}, "pids": {"limit": 3}}),
    ],
)
def test_limits(given: dict[str, Any], expected: dict[str, Any]) -> None:
    found = lowered(resources=given).document()["linux"]["resources"]
    assert {name: value for name, value in found.items() if value} == expected


def test_less_time_than_the_kernel_can_measure_is_refused() -> None:
    with pytest.raises(InvalidArgument, match=r"cannot limit a container to 0\.009 CPUs: the least is 0\.01") as refused:
        lowered(resources={"cpus": 0.009})
    assert refused.value.step == "lower"


@pytest.mark.parametrize(
    ("pids", "device_rules", "expected"),
    [
        (None, False, None),
        (5, False, {"pids": {"limit": 5}}),
        (None, True, {"devices": [{"allow": False, "access": "rwm"}]}),
        (5, True, {"pids": {"limit": 5}, "devices": [{"allow": False, "access": "rwm"}]}),
    ],
)
def test_devices_are_denied_where_the_host_can(
    pids: int | None,
    device_rules: bool,  # noqa: FBT001
    expected: dict[str, Any] | None,
) -> None:
    spec = lowered(resources={} if pids is None else {"pids": pids}, device_rules=device_rules)
    assert spec.document()["linux"].get("resources") == expected


# ── users ──


@pytest.fixture
def rootfs(tmp_path: Path) -> str:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/passwd").write_text("root:x:0:0::/root:/bin/sh\nweb:x:33:34::/var/www:/bin/sh\n")
    (tmp_path / "etc/group").write_text("www:x:34:\nextra:x:50:web\n")
    return str(tmp_path)


@pytest.mark.parametrize(
    ("user", "expected", "home"),
    [
        ("web", (33, 34, (50,)), "/var/www"),
        ("33", (33, 34, (50,)), "/var/www"),
        ("web:extra", (33, 50, ()), "/var/www"),
        ("7:8", (7, 8, ()), "/"),
    ],
)
def test_users_are_looked_up_in_the_root(rootfs: str, user: str, expected: tuple[Any, ...], home: str) -> None:
    spec = lowered(rootfs=rootfs, user=user)
    assert spec.process is not None
    found = spec.process.user
    assert (found.uid, found.gid, found.additional_gids) == expected
    assert f"HOME={home}" in spec.process.env


def test_without_a_user_the_root_is_not_looked_at() -> None:
    assert lowered(rootfs="/nowhere").root.path == "/nowhere"


@pytest.mark.parametrize(("rootfs", "errno"), [("/nowhere", "ENOENT"), ("/etc/passwd", "ENOTDIR")])
def test_a_root_that_cannot_be_opened_is_told(rootfs: str, errno: str) -> None:
    with pytest.raises(InvalidArgument, match=f"cannot use root file system '{rootfs}'") as refused:
        lowered(rootfs=rootfs, user="web")
    assert (refused.value.step, refused.value.errno) == ("rootfs", errno)


def test_a_user_the_root_does_not_know_is_told(rootfs: str) -> None:
    with pytest.raises(InvalidArgument, match="'nobody'"):
        lowered(rootfs=rootfs, user="nobody")


@pytest.mark.parametrize("name", ["", "A=B", "="])
def test_a_variable_without_a_proper_name_is_refused(name: str) -> None:
    with pytest.raises(InvalidArgument, match=f"^cannot set environment variable '{name}': ") as refused:
        lowered(env={name: "value"})
    assert refused.value.step == "lower"


@pytest.mark.parametrize("key", ["", "org.pycontainerd.init", "org.pycontainerd.rootfs"])
async def test_an_annotation_that_is_not_the_callers_is_refused(key: str) -> None:
    request = ContainerSpec(rootfs="/srv/root", args=("x",), annotations={key: "true"})
    with pytest.raises(InvalidArgument, match="cannot annotate with"):
        await lower(request, ID, device_rules=True)


# ── what it has of its host ──

_DENIED = {"allow": False, "access": "rwm"}


@pytest.mark.parametrize(
    ("given", "path", "expected"),
    [
        ({"no_new_privileges": False}, "process.noNewPrivileges", False),
        ({"privileged": True}, "process.noNewPrivileges", False),
        ({"privileged": True}, "linux.seccomp", None),
        ({"privileged": True}, "linux.maskedPaths", []),
        ({"privileged": True}, "linux.readonlyPaths", []),
        ({"privileged": True}, "linux.resources.devices", [{"allow": True, "access": "rwm"}]),
        ({"privileged": True}, "annotations", {}),
        ({"seccomp": "unconfined"}, "linux.seccomp", None),
        ({"seccomp": "unconfined"}, "linux.maskedPaths", list(defaults.MASKED_PATHS)),
        ({"system_paths": "unconfined"}, "linux.maskedPaths", []),
        ({"system_paths": "unconfined"}, "linux.readonlyPaths", []),
        ({"additional_groups": ["7", "8", "7"]}, "process.user.additionalGids", [7, 8]),
        ({"oom_score_adj": -7}, "process.oomScoreAdj", -7),
        ({"sysctls": {"net.ipv4.ip_forward": "1"}}, "linux.sysctl", {"net.ipv4.ip_forward": "1"}),
        ({"devices": [{"path": "/dev/null", "target": "/dev/x", "access": "r"}]}, "linux.devices.0.path", "/dev/x"),
        (
            {"devices": [{"path": "/dev/null", "access": "r"}]},
            "linux.resources.devices",
            [_DENIED, {"allow": True, "type": "c", "major": 1, "minor": 3, "access": "r"}],
        ),
    ],
)
def test_what_it_has_of_its_host(given: dict[str, Any], path: str, expected: Any, tmp_path: Path) -> None:
    spec = lowered(device_rules=True, rootfs=str(tmp_path), **given)
    validate(spec)
    assert at(spec.document(), path) == expected


def test_limits_of_processes() -> None:
    limits = {"nofile": {"soft": 1, "hard": -1}}
    assert at(document(ulimits=limits), "process.rlimits") == [{"type": "RLIMIT_NOFILE", "soft": 1, "hard": 2**64 - 1}]
    with pytest.raises(InvalidArgument, match="by 'files': there is no such limit"):
        document(ulimits={"files": {"soft": 1, "hard": 1}})


@pytest.mark.parametrize(
    ("add", "drop", "expected"),
    [
        ([], ["ALL"], set()),
        (["net_admin"], ["all"], {"CAP_NET_ADMIN"}),
        (["CAP_NET_ADMIN"], [], {*defaults.capabilities().bounding, "CAP_NET_ADMIN"}),
        ([], ["KILL"], {*defaults.capabilities().bounding} - {"CAP_KILL"}),
    ],
)
def test_capabilities_are_added_and_dropped(add: list[str], drop: list[str], expected: set[str]) -> None:
    found = at(document(cap_add=add, cap_drop=drop), "process.capabilities")
    assert {name: set(found[name]) for name in ("bounding", "effective", "permitted")} == {
        "bounding": expected,
        "effective": expected,
        "permitted": expected,
    }


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"cap_add": ["KILL", "CAP_FLY"]}, r"cap_add\[1\] 'CAP_FLY': no such capability"),
        ({"cap_add": ["KILL"], "cap_drop": ["CAP_KILL"]}, "cap_drop 'CAP_KILL': cap_add has it too"),
        ({"devices": [{"path": "/dev"}]}, r"devices\[0\] '/dev': it is no device"),
        ({"devices": [{"path": "/dev/none"}]}, r"devices\[0\] '/dev/none': No such file"),
    ],
)
def test_what_cannot_be_had_is_named(given: dict[str, Any], told: str) -> None:
    with pytest.raises(InvalidArgument, match=told):
        lowered(**given)


def test_the_filter_lets_capabilities_be_used() -> None:
    usual, more = lowered().linux.seccomp, lowered(cap_add=["SYS_ADMIN"]).linux.seccomp
    assert usual is not None
    assert more is not None
    assert "mount" not in usual.syscalls[0].names
    assert {"mount", "unshare", "clone3"} <= set(more.syscalls[0].names)
    assert not any(rule.action == "SCMP_ACT_ERRNO" for rule in more.syscalls)
    assert lowered(cap_drop=["KILL"]).linux.seccomp == usual


@pytest.mark.parametrize("kind", ["pid", "ipc", "uts", "cgroup", "network"])
def test_what_is_the_hosts_has_no_namespace(kind: str) -> None:
    shared: dict[str, Any] = {kind: "host"}
    spec = lowered(**shared)
    validate(spec)
    assert kind not in {one.type for one in spec.linux.namespaces}


def test_the_hosts_name_is_not_set() -> None:
    found = document(uts="host")
    assert found.get("hostname") is None
    assert f"HOSTNAME={os.uname().nodename}" in at(found, "process.env")
    with pytest.raises(InvalidArgument, match="hostname: needs a uts namespace"):
        validate(lowered(uts="host", hostname="web"))


def test_shared_memory() -> None:
    def shm(**given: Any) -> tuple[str | None, tuple[str, ...]]:
        return next((one.type, one.options) for one in lowered(**given).mounts if one.destination == "/dev/shm")

    assert shm()[1][-1] == "size=65536k"
    assert "size=65536k" not in shm(shm_size_bytes=4096)[1]
    assert shm(shm_size_bytes=4096)[1][-1] == "size=4096"
    assert shm(ipc="host")[0] == "bind"


def test_a_folder_of_devices_that_is_gone_meanwhile_has_none() -> None:
    assert list(host_devices.all_below("/dev/nothing-of-this-name")) == []


def test_a_privileged_one_has_the_hosts_devices() -> None:
    spec = lowered(privileged=True, devices=[{"path": "/dev/null", "target": "/dev/zero"}])
    paths = [one.path for one in spec.linux.devices]
    assert {"/dev/null", "/dev/zero"} <= set(paths)
    assert len(paths) == len(set(paths))
    assert not {"/dev/ptmx", "/dev/console"} & set(paths)
    assert not any(path.startswith(("/dev/pts/", "/dev/shm/")) for path in paths)
    assert [one.minor for one in spec.linux.devices if one.path == "/dev/zero"] == [3]
    assert "ro" not in next(one.options for one in spec.mounts if one.destination == "/sys")
