"""Namespaces: each kind of its own, the caller's, or joined by path."""

import os
from pathlib import Path

import pytest

from tests.oci.bundle import KINDS, namespaces
from tests.oci.containers import Containers

FILES = {"pid": "pid", "network": "net", "ipc": "ipc", "uts": "uts", "mount": "mnt", "cgroup": "cgroup", "time": "time"}
_TIME = pytest.param(
    "time", marks=[pytest.mark.lacks("runc<1.2", "knows no time namespaces"), pytest.mark.lacks("crun<1.8.2", "same")]
)
SHARED = ("network", "ipc", "uts")


def inside(oci: Containers, kind: str, changes: dict[str, object]) -> str:
    return oci.sh(f"readlink /proc/self/ns/{FILES[kind]}", changes)


def ours(kind: str) -> str:
    return os.readlink(f"/proc/self/ns/{FILES[kind]}")


@pytest.mark.parametrize("kind", [*KINDS, "cgroup", _TIME])
def test_a_namespace_is_new(oci: Containers, kind: str) -> None:
    assert inside(oci, kind, {"linux.namespaces": namespaces(**{kind: ""})}) != ours(kind)


@pytest.mark.parametrize("kind", [*SHARED, "pid", "cgroup"])
def test_what_is_not_listed_is_the_callers(oci: Containers, kind: str) -> None:
    assert inside(oci, kind, {"linux.namespaces": namespaces(kind)}) == ours(kind)


@pytest.mark.parametrize("kind", [*SHARED, "pid"])
def test_a_namespace_is_joined_by_path(oci: Containers, kind: str) -> None:
    first = oci.start()
    path = f"/proc/{first.pid}/ns/{FILES[kind]}"
    assert inside(oci, kind, {"linux.namespaces": namespaces(**{kind: path})}) == os.readlink(path)


def test_a_cgroup_namespace_is_joined_by_path(oci: Containers) -> None:
    first = oci.start({"linux.namespaces": namespaces(cgroup="")})
    path = f"/proc/{first.pid}/ns/cgroup"
    assert inside(oci, "cgroup", {"linux.namespaces": namespaces(cgroup=path)}) == os.readlink(path)


@pytest.mark.lacks("runc<1.2", "knows no time namespaces")
@pytest.mark.lacks("crun<1.8.2", "same")
def test_a_time_namespace_is_joined_by_path(oci: Containers) -> None:
    first = oci.start({"linux.namespaces": namespaces(time="")})
    path = f"/proc/{first.pid}/ns/time"
    assert inside(oci, "time", {"linux.namespaces": namespaces(time=path)}) == os.readlink(path)


@pytest.mark.parametrize("kind", SHARED)
def test_a_namespace_of_another_type_is_refused(oci: Containers, kind: str) -> None:
    oci.refused({"linux.namespaces": namespaces(**{kind: "/proc/self/ns/mnt"})})


def test_a_namespace_that_does_not_exist_is_refused(oci: Containers) -> None:
    oci.refused({"linux.namespaces": namespaces(network="/proc/self/ns/nothing")})


def test_a_file_that_is_no_namespace_is_refused(oci: Containers, place: Path) -> None:
    (place / "file").touch()
    oci.refused({"linux.namespaces": namespaces(network=str(place / "file"))})


@pytest.mark.lacks("crun", "takes the same namespace twice")
def test_a_namespace_is_named_once(oci: Containers) -> None:
    oci.refused({"linux.namespaces": [*namespaces(), {"type": "uts"}]})


def test_the_payload_is_the_first_process(oci: Containers) -> None:
    assert oci.sh("echo $$") == "1"


def test_only_its_own_processes_are_in_a_pid_namespace(oci: Containers) -> None:
    assert oci.sh("ls /proc | grep -c '^[0-9]'; true").splitlines() in (["2"], ["3"])


def test_a_hostname_is_set(oci: Containers) -> None:
    before = os.uname().nodename
    assert oci.sh("hostname", {"hostname": "box.example"}) == "box.example"
    assert os.uname().nodename == before


def test_a_hostname_without_a_uts_namespace_is_refused(oci: Containers) -> None:
    oci.refused({"hostname": "box", "linux.namespaces": namespaces("uts")})


@pytest.mark.lacks("runc<1.2", "ignores domainname")
def test_a_domainname_is_set(oci: Containers) -> None:
    assert oci.sh("cat /proc/sys/kernel/domainname", {"domainname": "example.org"}) == "example.org"


def test_the_loopback_of_a_new_network_is_up(oci: Containers) -> None:
    assert ",UP," in oci.sh("ip link show lo")


def test_nothing_but_loopback_is_in_a_new_network(oci: Containers) -> None:
    assert "eth" not in oci.sh("cat /proc/net/dev")


def test_the_path_of_a_pinned_namespace_is_joined(oci: Containers, place: Path) -> None:
    """As network plug-ins hand it over: a namespace that a mount keeps alive is the same by any path."""
    first = oci.start()
    link = place / "net"
    link.symlink_to(f"/proc/{first.pid}/ns/net")
    assert inside(oci, "network", {"linux.namespaces": namespaces(network=str(link))}) == os.readlink(str(link.readlink()))


_OFFSETS = {
    "linux.namespaces": namespaces(time=""),
    "linux.timeOffsets": {"boottime": {"secs": 1_000_000_000, "nanosecs": 0}},
}


@pytest.mark.lacks("runc<1.2", "knows no time namespaces")
@pytest.mark.lacks("crun<1.8.2", "knows no time offsets")
def test_clocks_are_set_off(oci: Containers) -> None:
    assert float(oci.sh("cat /proc/uptime", _OFFSETS).split()[0]) > 1_000_000_000


@pytest.mark.lacks("runc<1.2", "knows no time namespaces")
@pytest.mark.lacks("crun<1.8.2", "knows no time offsets")
@pytest.mark.parametrize(("clock", "line"), [("monotonic", 0), ("boottime", 1)])
def test_each_clock_has_its_offset(oci: Containers, clock: str, line: int) -> None:
    offsets = {"linux.namespaces": namespaces(time=""), "linux.timeOffsets": {clock: {"secs": 77, "nanosecs": 5}}}
    told = oci.sh("cat /proc/self/timens_offsets", offsets).splitlines()
    assert told[line].split() == [clock, "77", "5"]
    assert told[1 - line].split()[1:] == ["0", "0"]
