"""linux.netDevices: interfaces of the network that the caller is in become the container's.

The caller stands in a network namespace of its own, where a veth pair is made, so the machine's interfaces are left alone.
"""

from pathlib import Path
from typing import Any

import pytest

from tests.oci.bundle import namespaces
from tests.oci.containers import Containers

pytestmark = [
    pytest.mark.lacks("runc<1.4", "knows no netDevices"),
    pytest.mark.lacks("crun<1.24", "knows no netDevices"),
]

_MAKE = """
busybox ip link add eth7 type veth && busybox ip addr add 10.1.2.3/24 dev eth7 && busybox ip link set eth7 up || exit 125
"$@"; code=$?
busybox ip -o link show | sed 's/^/outside: /'
exit $code
"""
ADDRESSES = "ip -o addr show"


@pytest.fixture(autouse=True)
def _network_with_an_interface(oci: Containers) -> None:
    oci.runtime.through = ("unshare", "--net", "/bin/sh", "-c", _MAKE, "sh")


def devices(**names: str | None) -> dict[str, Any]:
    """What is moved, and under which name; None: its own."""
    return {"linux.netDevices": {name: {} if new is None else {"name": new} for name, new in names.items()}}


def inside_and_outside(told: str) -> tuple[str, str]:
    lines = told.splitlines()
    outside = [line for line in lines if line.startswith("outside: ")]
    return "\n".join(line for line in lines if line not in outside), "\n".join(outside)


def test_an_interface_is_moved_with_its_address(oci: Containers) -> None:
    inside, outside = inside_and_outside(oci.sh(ADDRESSES, devices(eth7=None)))
    assert "eth7    inet 10.1.2.3/24 " in inside
    assert "eth7" not in outside


def test_it_is_up_under_its_new_name(oci: Containers) -> None:
    inside, outside = inside_and_outside(oci.sh(f"{ADDRESSES}; ip link show lan0", devices(eth7="lan0")))
    assert "lan0    inet 10.1.2.3/24 " in inside
    assert ",UP" in inside.splitlines()[-2]
    assert "eth7" not in inside.replace("@eth7", "")
    assert "eth7:" not in outside


def test_a_container_in_a_user_namespace_gets_it(oci: Containers) -> None:
    maps = [{"containerID": 0, "hostID": 100_000, "size": 65_536}]
    users = {"linux.namespaces": namespaces(user=""), "linux.uidMappings": maps, "linux.gidMappings": maps}
    inside, _outside = inside_and_outside(oci.sh(ADDRESSES, {**users, **devices(eth7="lan0")}))
    assert "lan0    inet 10.1.2.3/24 " in inside


@pytest.mark.parametrize(
    "changes",
    [
        devices(eth7=None, eth9=None),
        devices(eth7="a/b"),
        devices(eth7="a-name-of-16-byt"),
        {**devices(eth7=None), "linux.namespaces": namespaces("network")},
    ],
    ids=["is not there", "no name", "long name", "the host's network"],
)
def test_what_cannot_be_moved_is_refused_and_all_stay(oci: Containers, place: Path, changes: dict[str, Any]) -> None:
    oci.refused(changes)
    assert "eth7" in oci.made[-1].output()
