"""Namespaces of containers, new and joined, on a real kernel."""

import os
from pathlib import Path

import pytest

from containerd_py.errors import ContainerdError, InvalidArgument
from containerd_py.runtime.linux.namespaces import FILES
from tests.integration.runtime.workshop import DEV, OWN, PROC, Workshop

MAP = [{"containerID": 0, "hostID": 100_000, "size": 65_536}]
USER = {
    "linux.namespaces": [*OWN, {"type": "user"}],
    "linux.uidMappings": MAP,
    "linux.gidMappings": MAP,
    "mounts": [PROC, DEV],
}
KINDS = ["pid", "network", "ipc", "uts", "cgroup", "time"]


def namespace(pid: int | str, kind: str) -> str:
    return os.readlink(f"/proc/{pid}/ns/{FILES[kind]}")


@pytest.mark.parametrize("kind", KINDS)
def test_a_new_one_is_nobody_elses(shop: Workshop, kind: str) -> None:
    container = shop.sleeping({"linux.namespaces": [{"type": "mount"}, {"type": kind}]})
    assert namespace(container.pid, kind) != namespace("self", kind)
    for other_kind in set(KINDS) - {kind}:
        assert namespace(container.pid, other_kind) == namespace("self", other_kind)


@pytest.mark.parametrize("kind", KINDS)
def test_one_is_joined_by_its_path(shop: Workshop, kind: str) -> None:
    other = shop.sleeping({"linux.namespaces": [*OWN, {"type": "time"}]}, container_id="other")
    path = f"/proc/{other.pid}/ns/{FILES[kind]}"
    container = shop.sleeping({"linux.namespaces": [{"type": "mount"}, {"type": kind, "path": path}]})
    assert namespace(container.pid, kind) == namespace(other.pid, kind) != namespace("self", kind)
    for own in set(KINDS) - {kind}:
        assert namespace(container.pid, own) == namespace("self", own)


def test_all_of_another_container(shop: Workshop) -> None:
    """As the containers of a pod share them."""
    other = shop.sleeping({"linux.namespaces": [*OWN, {"type": "time"}]}, container_id="other")
    joined = [{"type": kind, "path": f"/proc/{other.pid}/ns/{FILES[kind]}"} for kind in KINDS]
    container = shop.sleeping({"linux.namespaces": [{"type": "mount"}, *joined]})
    assert [namespace(container.pid, kind) for kind in KINDS] == [namespace(other.pid, kind) for kind in KINDS]


@pytest.mark.parametrize(
    ("kind", "path", "number", "cause"),
    [
        ("network", "/proc/self/ns/uts", "EINVAL", "it is a uts namespace"),
        ("network", "/dev/null", "EINVAL", "it is no namespace"),
        ("ipc", "/proc/self/ns/nothing", "ENOENT", "No such file or directory"),
    ],
)
def test_what_cannot_be_joined(shop: Workshop, kind: str, path: str, number: str, cause: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        shop.create({"linux.namespaces": [{"type": "mount"}, {"type": kind, "path": path}]})
    assert caught.value.message == f"cannot join {kind} namespace {path!r} (linux.namespaces.1.path): {cause}"
    assert (caught.value.step, caught.value.errno) == ("namespaces", number)
    assert not (shop.bundle / "state").exists()


# ── user namespaces ──────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def user_shop(shop: Workshop, rootfs: Path) -> Workshop:
    """Its root file system may be written to by anybody, so that places to mount on can be made."""
    rootfs.chmod(0o777)
    return shop


def test_root_of_a_user_namespace_is_nobody_outside(user_shop: Workshop, rootfs: Path) -> None:
    status, output = user_shop.run("id -u; cat /proc/self/uid_map; : >/made", USER)
    assert (status.code, output.split()) == (0, ["0", "0", "100000", "65536"])
    assert (rootfs / "made").stat().st_uid == 100_000


def test_a_user_namespace_owns_the_others(user_shop: Workshop) -> None:
    status, output = user_shop.run("hostname inside && hostname", USER)
    assert (status.code, output) == (0, "inside\n")


def test_a_user_namespace_beside_one_that_is_joined(user_shop: Workshop) -> None:
    """It is entered first by a process that may: from the new user namespace it could not be."""
    other = user_shop.sleeping(container_id="other")
    own = [namespace for namespace in OWN if namespace["type"] != "network"]
    joined = {"type": "network", "path": f"/proc/{other.pid}/ns/net"}
    container = user_shop.sleeping(USER | {"linux.namespaces": [*own, {"type": "user"}, joined]})
    assert namespace(container.pid, "network") == namespace(other.pid, "network")
    assert Path(f"/proc/{container.pid}/uid_map").read_text().split() == ["0", "100000", "65536"]


def test_a_user_namespace_is_joined_with_those_that_it_owns(user_shop: Workshop) -> None:
    other = user_shop.sleeping(USER, container_id="other")
    kinds = ("user", "network", "ipc", "uts")
    joined = [{"type": kind, "path": f"/proc/{other.pid}/ns/{FILES[kind]}"} for kind in kinds]
    changes = {"linux.namespaces": [{"type": "mount"}, {"type": "pid"}, *joined], "mounts": [PROC]}
    status, output = user_shop.run("id -u; cat /proc/self/uid_map", changes)
    assert (status.code, output.split()) == (0, ["0", "0", "100000", "65536"])


@pytest.mark.parametrize("offsets", ["", "monotonic 5000 0\n"])
def test_a_time_namespace_beside_a_user_namespace(user_shop: Workshop, offsets: str) -> None:
    container = user_shop.sleeping(USER | {"linux.namespaces": [*OWN, {"type": "user"}, {"type": "time"}]})
    assert namespace(container.pid, "time") != namespace("self", "time")
    assert namespace(container.pid, "user") != namespace("self", "user")


def test_ids_that_cannot_be_mapped(shop: Workshop) -> None:
    """The kernel's own limit: this process's user namespace has them all, so only its rules on lines are left."""
    with pytest.raises(ContainerdError) as caught:
        shop.create(USER | {"process.user": {"uid": 70_000}})
    assert "process.user.uid: 70000 is not mapped" in caught.value.message
