"""Interfaces change their namespace whole, or not at all. In network namespaces of the test's own; needs root."""

import os
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest
from pyroute2 import IPRoute

from containerd_py.errors import InvalidArgument
from containerd_py.runtime.linux.fd import Fd
from containerd_py.runtime.linux.process import Clone, unshare
from containerd_py.runtime.network.devices import move_devices
from containerd_py.runtime.network.threads import run_inside
from containerd_py.runtime.spec.linux import NetDevice

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")


def new_namespace() -> Fd:
    """Return a network namespace that ends with its descriptor. To be run on a thread of its own."""
    unshare(Clone.NEWNET)
    return Fd(os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC))


class Stage:
    """Two namespaces: what plays the host, and a container's."""

    def __init__(self) -> None:
        with Fd(os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)) as here:
            self.host = run_inside(here.fileno(), new_namespace)
            self.container = run_inside(here.fileno(), new_namespace)

    def move(self, devices: dict[str, dict[str, str]]) -> None:
        models = {name: NetDevice.parse(device) for name, device in devices.items()}
        run_inside(self.host.fileno(), partial(move_devices, self.container.fileno(), models))

    def close(self) -> None:
        self.host.close()
        self.container.close()


@pytest.fixture
def stage() -> Iterator[Stage]:
    made = Stage()
    yield made
    made.close()


def add(name: str, *addresses: tuple[str, int], up: bool = True) -> None:
    with IPRoute() as netlink:
        netlink.link("add", ifname=name, kind="veth", peer=f"{name}-peer")
        (index,) = netlink.link_lookup(ifname=name)
        for address, prefix in addresses:
            netlink.addr("add", index=index, address=address, prefixlen=prefix)
        if up:
            netlink.link("set", index=index, state="up", mtu=1400)


def look() -> dict[str, dict[str, Any]]:
    """Return for each interface that is neither `lo` nor a peer whether it is up, its MTU and addresses."""
    with IPRoute() as netlink:
        return {
            link.get("ifname"): {
                "up": bool(link["flags"] & 1),
                "mtu": link.get("mtu"),
                "addresses": sorted(
                    f"{found.get('IFA_ADDRESS')}/{found['prefixlen']}"
                    for found in netlink.get_addr(index=link["index"])
                    if found["scope"] == 0
                ),
            }
            for link in netlink.get_links()
            if link.get("ifname") != "lo" and not link.get("ifname").endswith("-peer")
        }


def test_a_device_takes_its_addresses_along(stage: Stage) -> None:
    run_inside(stage.host.fileno(), partial(add, "eth7", ("10.1.2.3", 24), ("fd00::7", 64)))
    before = run_inside(stage.host.fileno(), look)
    stage.move({"eth7": {}})
    assert run_inside(stage.host.fileno(), look) == {}
    assert run_inside(stage.container.fileno(), look) == before
    assert before == {"eth7": {"up": True, "mtu": 1400, "addresses": ["10.1.2.3/24", "fd00::7/64"]}}


def test_a_device_gets_another_name_and_is_brought_up(stage: Stage) -> None:
    run_inside(stage.host.fileno(), partial(add, "eth7", up=False))
    stage.move({"eth7": {"name": "lan0"}})
    assert run_inside(stage.container.fileno(), look) == {"lan0": {"up": True, "mtu": 1500, "addresses": []}}


def test_two_devices_can_change_their_names(stage: Stage) -> None:
    for name in ("eth7", "eth8"):
        run_inside(stage.host.fileno(), partial(add, name))
    stage.move({"eth7": {"name": "eth8"}, "eth8": {"name": "eth7"}})
    assert sorted(run_inside(stage.container.fileno(), look)) == ["eth7", "eth8"]


@pytest.mark.parametrize("started_up", [True, False])
def test_after_a_failure_all_are_back_as_they_were(stage: Stage, *, started_up: bool) -> None:
    run_inside(stage.host.fileno(), partial(add, "eth7", ("10.1.2.3", 24), ("fd00::7", 64), up=started_up))
    before = run_inside(stage.host.fileno(), look)
    with pytest.raises(InvalidArgument) as caught:
        stage.move({"eth7": {"name": "lan0"}, "eth9": {}})
    assert (
        caught.value.message
        == "cannot move network device 'eth9' (linux.netDevices.eth9) into the container: No such device"
    )
    assert (caught.value.step, caught.value.errno) == ("network", "ENODEV")
    assert run_inside(stage.host.fileno(), look) == before
    assert run_inside(stage.container.fileno(), look) == {}


def test_a_name_that_is_taken_inside_is_told(stage: Stage) -> None:
    run_inside(stage.host.fileno(), partial(add, "eth7", ("10.1.2.3", 24)))
    run_inside(stage.container.fileno(), partial(add, "lan0"))
    before = run_inside(stage.host.fileno(), look)
    with pytest.raises(InvalidArgument) as caught:
        stage.move({"eth7": {"name": "lan0"}})
    assert caught.value.errno == "EEXIST"
    assert run_inside(stage.host.fileno(), look) == before


def test_what_cannot_be_moved_is_told(stage: Stage) -> None:
    with pytest.raises(InvalidArgument, match="cannot move network device 'lo'"):
        stage.move({"lo": {"name": "lo1"}})


def test_what_is_no_network_namespace_is_told(stage: Stage) -> None:
    run_inside(stage.host.fileno(), partial(add, "eth7"))
    with open(os.devnull, "rb") as null, pytest.raises(InvalidArgument) as caught:
        run_inside(stage.host.fileno(), partial(move_devices, null.fileno(), {"eth7": NetDevice()}))
    assert caught.value.errno == "EINVAL"
    assert list(run_inside(stage.host.fileno(), look)) == ["eth7"]


def test_the_callers_own_namespace_is_not_left(stage: Stage) -> None:
    before = os.stat("/proc/thread-self/ns/net").st_ino
    run_inside(stage.container.fileno(), look)
    assert os.stat("/proc/thread-self/ns/net").st_ino == before
