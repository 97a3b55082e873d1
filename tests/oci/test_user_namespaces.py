"""User namespaces: whose files and processes are whose."""

import os
from pathlib import Path
from typing import Any

import pytest

from tests.oci.bundle import namespaces
from tests.oci.containers import Containers


def mapped(*ranges: tuple[int, int, int], **more: Any) -> dict[str, Any]:
    """User and group ids by ranges of (in the container, on the host, how many)."""
    maps = [{"containerID": inside, "hostID": outside, "size": size} for inside, outside, size in ranges]
    return {
        "linux.namespaces": namespaces(user=""),
        "linux.uidMappings": maps,
        "linux.gidMappings": maps,
        **{name.replace("__", "."): value for name, value in more.items()},
    }


RANGE = (0, 100_000, 65_536)


def table(text: str) -> list[list[int]]:
    return [[int(number) for number in line.split()] for line in text.splitlines()]


def test_root_in_the_container_is_nobody_on_the_host(oci: Containers) -> None:
    box = oci.start(mapped(RANGE))
    assert box.sh("id -u") == "0"
    status = Path(f"/proc/{box.pid}/status").read_text()
    assert "Uid:\t100000\t100000\t100000\t100000" in status
    assert "Gid:\t100000\t100000\t100000\t100000" in status


def test_the_maps_are_those_asked_for(oci: Containers) -> None:
    told = oci.sh("cat /proc/self/uid_map /proc/self/gid_map", mapped(RANGE))
    assert table(told) == [list(RANGE), list(RANGE)]


@pytest.mark.lacks("runc", "wants ids for each new one")
def test_without_ids_the_caller_is_its_root(oci: Containers) -> None:
    told = oci.sh("cat /proc/self/uid_map /proc/self/gid_map", {"linux.namespaces": namespaces(user="")})
    assert table(told) == [[0, os.geteuid(), 1], [0, os.getegid(), 1]]


def test_ids_of_one_kind_alone_are_refused(oci: Containers) -> None:
    oci.refused({"linux.namespaces": namespaces(user=""), "linux.uidMappings": mapped(RANGE)["linux.uidMappings"]})


def test_there_may_be_several_ranges(oci: Containers) -> None:
    ranges = ((0, 100_000, 1000), (1000, 300_000, 1), (1001, 200_000, 5000))
    assert table(oci.sh("cat /proc/self/uid_map", mapped(*ranges))) == [list(each) for each in ranges]


def test_groups_can_be_set(oci: Containers) -> None:
    changes = mapped(RANGE, process__user={"uid": 7, "gid": 8, "additionalGids": [9, 10]})
    assert oci.sh("id -u; id -G", changes).split() == ["7", "8", "9", "10"]


def test_a_user_that_is_not_mapped_is_refused(oci: Containers) -> None:
    oci.refused(mapped((0, 100_000, 10), process__user={"uid": 11, "gid": 0}))


def test_the_usual_devices_work(oci: Containers) -> None:
    assert oci.sh("echo x > /dev/null && head -c 4 /dev/zero | wc -c", mapped(RANGE)) == "4"


@pytest.mark.lacks("runc", "binds what the host has at that path")
@pytest.mark.lacks("crun<1.27", "gives it the mode that the umask leaves")
def test_a_device_is_as_the_document_has_it(oci: Containers) -> None:
    """Also one that the host does not have at that path."""
    device = {"type": "c", "path": "/dev/own", "major": 1, "minor": 5, "fileMode": 0o662, "uid": 3, "gid": 4}
    box = oci.start(mapped(RANGE, linux__devices=[device]))
    assert box.sh("stat -c '%a %u:%g %t:%T' /dev/own; head -c 4 /dev/own | wc -c").split() == ["662", "3:4", "1:5", "4"]
    assert box.sh("grep -c /dev/own /proc/self/mountinfo") == "1"
    assert not Path("/dev/own").exists()


@pytest.mark.lacks("runc", "binds them as they are on the host")
def test_no_device_of_the_host_is_a_program(oci: Containers) -> None:
    told = oci.sh("grep ' /dev/null ' /proc/self/mountinfo", mapped(RANGE)).split()
    assert {"nosuid", "noexec"} <= set(told[5].split(","))


def test_what_it_writes_belongs_to_the_mapped_user(oci: Containers) -> None:
    (oci.rootfs / "tmp").chmod(0o777)
    oci.sh("touch /tmp/file", mapped(RANGE))
    assert (oci.rootfs / "tmp/file").stat().st_uid == 100_000


def test_it_is_no_root_on_the_host(oci: Containers) -> None:
    secret = oci.rootfs / "secret"
    secret.write_text("x")
    secret.chmod(0o600)
    assert oci.sh("cat /secret 2>/dev/null || echo denied", mapped(RANGE)) == "denied"


def test_exec_enters_it(oci: Containers) -> None:
    box = oci.start(mapped(RANGE))
    assert table(box.sh("cat /proc/self/uid_map")) == [list(RANGE)]


def test_new_network_belongs_to_it(oci: Containers) -> None:
    """The namespace is owned by the user namespace, so its root may change what is in it."""
    capabilities = {name: ["CAP_NET_ADMIN"] for name in ("bounding", "effective", "permitted")}
    assert oci.sh("ip link set lo down && ip link show lo", mapped(RANGE, process__capabilities=capabilities))


@pytest.mark.lacks("runc<1.2", "wants its mappings once more")
def test_it_is_joined_by_path(oci: Containers) -> None:
    first = oci.start(mapped(RANGE))
    path = f"/proc/{first.pid}/ns/user"
    joined = {"linux.namespaces": namespaces(user=path)}
    assert oci.sh("readlink /proc/self/ns/user", joined) == os.readlink(path)


@pytest.mark.lacks("crun", "takes mappings for a wish for a user namespace")
@pytest.mark.lacks("runc<1.2", "same")
def test_mappings_without_a_user_namespace_are_refused(oci: Containers) -> None:
    changes = mapped(RANGE) | {"linux.namespaces": namespaces()}
    oci.refused(changes)


def test_overlapping_mappings_are_refused(oci: Containers) -> None:
    oci.refused(mapped((0, 100_000, 10), (5, 200_000, 10)))
