"""What one who asks at a limited socket may make."""

from pathlib import Path
from typing import Any

import pytest

from containerd_py.engine.scope import EVERYTHING, Scope, admitted, check_exec, check_update, scope, within
from containerd_py.errors import Forbidden
from containerd_py.wire import (
    BundleSpec,
    ContainerSpec,
    DeviceSpec,
    ExecSpec,
    LogSpec,
    MountSpec,
    OciSpec,
    ResourcesSpec,
    Ulimit,
    UpdateRequest,
)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A directory that only root can change anything about."""
    (tmp_path / "root").mkdir()
    (tmp_path / "mine").mkdir()
    return tmp_path


def limits(root: Path, *labels: str) -> Scope:
    return Scope(labels or ("team=web",), (str(root),))


def asked(root: Path, **fields: Any) -> ContainerSpec:
    return ContainerSpec(**{"rootfs": str(root / "root"), "args": ("/bin/true",)} | fields)


async def refused(limits: Scope, request: ContainerSpec | BundleSpec | OciSpec) -> str:
    with within(limits), pytest.raises(Forbidden) as problem:
        await admitted(request)
    assert problem.value.step == "access"
    return problem.value.message


async def test_without_limits_a_request_is_taken_as_it_is(root: Path) -> None:
    request = OciSpec(oci={})
    assert await admitted(request) is request
    assert scope() is EVERYTHING


async def test_labels_are_added_and_kept(root: Path) -> None:
    with within(limits(root, "team=web", "tier")):
        made = await admitted(asked(root, labels={"tier": "1", "other": "x"}))
    assert made.labels == {"team": "web", "tier": "1", "other": "x"}
    assert "labels" in made.model_dump(exclude_unset=True)


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        ({"team": "sql", "tier": "1"}, "labels.team: it is 'web' for all"),
        ({"team": "web"}, "labels.tier: this socket makes"),
    ],
)
async def test_labels_of_others_are_refused(root: Path, labels: dict[str, str], words: str) -> None:
    assert words in await refused(limits(root, "team=web", "tier"), asked(root, labels=labels))


async def test_documents_of_the_callers_own_are_refused(root: Path) -> None:
    """They may ask for anything: hooks, devices, all capabilities."""
    assert "bundle: only containers" in await refused(limits(root), BundleSpec(bundle="/srv"))
    assert "oci: only containers" in await refused(limits(root), OciSpec(oci={}))


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"network": "host"}, "network: "),
        ({"log": LogSpec(driver="journald", tag="sshd")}, "log.driver: "),
        ({"mounts": (MountSpec(target="/a", source="/etc"),)}, "mounts.0.source: '/etc' is not below"),
        ({"mounts": (MountSpec(target="/a", type="proc"),)}, "mounts.0.type: "),
        ({"mounts": (MountSpec(target="/a", type="overlay", source="x"),)}, "mounts.0.type: "),
        ({"mounts": (MountSpec(target="/a", type="bind"),)}, "mounts.0.type: "),
        ({"mounts": (MountSpec(target="/a", type="tmpfs", options=("tmpcopyup",)),)}, "mounts.0.options: 'tmpcopyup'"),
        ({"rootfs": "/"}, "rootfs: '/' is not below"),
        ({"rootfs": "/etc"}, "rootfs: '/etc' is not below"),
    ],
)
async def test_what_would_reach_the_host_is_refused(root: Path, fields: dict[str, Any], words: str) -> None:
    assert words in await refused(limits(root), asked(root, **fields))


async def test_binds_of_what_is_named_are_taken(root: Path) -> None:
    mounts = (
        MountSpec(target="/a", source=str(root / "mine"), options=("ro", "nosuid")),
        MountSpec(target="/t", type="tmpfs", options=("size=1m", "noexec")),
    )
    with within(limits(root)):
        request = asked(root, mounts=mounts)
        assert (await admitted(request)).model_dump(exclude={"labels"}) == request.model_dump(exclude={"labels"})
    options = (MountSpec(target="/a", source=str(root / "mine"), options=("rshared",)),)
    assert "mounts.0.options: 'rshared'" in await refused(limits(root), asked(root, mounts=options))


async def test_nothing_is_taken_where_no_directory_is_named(root: Path) -> None:
    assert "is not below a directory" in await refused(Scope(("team=web",)), asked(root))


async def test_a_name_does_not_begin_another(root: Path) -> None:
    (root / "root2").mkdir()
    assert "is not below" in await refused(
        Scope(("a",), (str(root / "root"),)), asked(root, rootfs=str(root / "root2"), labels={"a": ""})
    )


async def test_links_and_dots_are_refused(root: Path) -> None:
    (root / "link").symlink_to("/etc")
    assert "has a link" in await refused(limits(root), asked(root, rootfs=f"{root}/link"))
    for path in (f"{root}/root/../root", f"{root}//root", f"{root}/root/"):
        assert "has '.', '..' or '//'" in await refused(limits(root), asked(root, rootfs=path))


async def test_of_what_is_elsewhere_nothing_is_told(root: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere/link").symlink_to("/etc")
    scope = Scope(("team=web",), (str(tmp_path / "allowed"),))
    for path in (tmp_path / "elsewhere/link", tmp_path / "elsewhere/none"):
        assert "is not below a directory" in await refused(scope, asked(root, rootfs=str(path)))


async def test_what_others_can_exchange_is_refused(root: Path) -> None:
    """It is opened again at each start: by then it could be a link to anything."""
    (root / "mine").chmod(0o777)
    (root / "mine" / "root").mkdir()
    assert "others could put something else" in await refused(limits(root), asked(root, rootfs=f"{root}/mine/root"))
    (root / "mine").chmod(0o1777)  # as /tmp: what is root's there, others cannot exchange
    with within(limits(root)):
        await admitted(asked(root, rootfs=f"{root}/mine/root"))
    assert "No such file" in await refused(limits(root), asked(root, rootfs=f"{root}/mine/none/there"))


@pytest.mark.parametrize(
    "fields",
    [
        *({name: True} for name in ("privileged", "init")),
        *({name: "host"} for name in ("pid", "ipc", "uts", "cgroup")),
        *({name: "unconfined"} for name in ("seccomp", "system_paths")),
        {"cap_add": ("CHOWN",)},
        {"no_new_privileges": False},
        {"devices": (DeviceSpec(path="/dev/null"),)},
        {"sysctls": {"net.ipv4.ip_forward": "1"}},
        {"ulimits": {"nofile": Ulimit(soft=1, hard=1)}},
        {"oom_score_adj": -1},
    ],
)
async def test_a_container_has_no_more_of_the_host_than_usual(root: Path, fields: dict[str, Any]) -> None:
    assert f"{next(iter(fields))}: it is not for a socket" in await refused(limits(root), asked(root, **fields))


async def test_a_container_may_have_less(root: Path) -> None:
    fewer = {"cap_drop": ("ALL",), "shm_size_bytes": 4096, "additional_groups": ("7",)}
    with within(limits(root)):
        await admitted(asked(root, privileged=False, pid="private", devices=(), oom_score_adj=None, **fewer))


def test_an_exec_gets_no_more_than_its_container(root: Path) -> None:
    with within(limits(root)):
        check_exec(ExecSpec(args=("/bin/true",), user="0", terminal=True, privileged=False))
        with pytest.raises(Forbidden, match="privileged: it is not for a socket that is limited"):
            check_exec(ExecSpec(args=("/bin/true",), privileged=True))
    check_exec(ExecSpec(args=("/bin/true",), privileged=True))


def test_limits_and_policies_may_be_changed(root: Path) -> None:
    with within(limits(root)):
        check_update(UpdateRequest(resources=ResourcesSpec(pids=7), restart="always"))
