"""A container gets an interface of the network that its caller is in. Needs root and busybox.

The caller is a thread in a network namespace of its own, so that the machine's interfaces are left alone.
"""

import os
from pathlib import Path
from typing import Any

import pytest
from pyroute2 import IPRoute

from containerd_py.errors import InvalidArgument
from containerd_py.runtime import WaitStatus
from containerd_py.runtime.linux.fd import Fd
from containerd_py.runtime.linux.process import Clone, unshare
from containerd_py.runtime.network.threads import run_inside
from tests.integration.runtime.workshop import Workshop

ADDRESSES = "busybox ip -o addr show lan0"


def in_own_network(work: Any) -> Any:
    """Run `work` where there is an interface eth7 with an address."""

    def run() -> Any:
        unshare(Clone.NEWNET)
        with IPRoute() as netlink:
            netlink.link("add", ifname="eth7", kind="veth", peer="eth7-peer")
            (index,) = netlink.link_lookup(ifname="eth7")
            netlink.addr("add", index=index, address="10.1.2.3", prefixlen=24)
        return work()

    with Fd(os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)) as here:
        return run_inside(here.fileno(), run)


def interfaces() -> set[str]:
    with IPRoute() as netlink:
        return {link.get("ifname") for link in netlink.get_links()}


def test_an_interface_becomes_the_containers(shop: Workshop) -> None:
    changes = {"linux.netDevices": {"eth7": {"name": "lan0"}}, "linux.sysctl": {"net.ipv4.conf.lan0.rp_filter": "2"}}
    script = f"{ADDRESSES}; cat /proc/sys/net/ipv4/conf/lan0/rp_filter"
    (status, output), left = in_own_network(lambda: (shop.run(script, changes), interfaces()))
    assert status == WaitStatus(0, None)
    assert "inet 10.1.2.3/24 " in output
    assert output.splitlines()[-1] == "2"
    assert "eth7" not in left


def test_an_interface_that_is_not_there_is_told(shop: Workshop) -> None:
    def create() -> None:
        with pytest.raises(InvalidArgument) as caught:
            shop.create({"linux.netDevices": {"eth7": {}, "eth9": {}}})
        assert (caught.value.step, caught.value.errno) == ("network", "ENODEV")
        assert "eth7" in interfaces()

    in_own_network(create)
    assert not (shop.bundle / "state").exists()


def test_the_callers_own_network_is_not_joined_for_it(shop: Workshop) -> None:
    def create() -> None:
        path = f"/proc/{os.getpid()}/task/{os.readlink('/proc/thread-self').rpartition('/')[2]}/ns/net"
        namespaces = [{"type": "mount"}, {"type": "network", "path": path}]
        with pytest.raises(InvalidArgument, match=r"linux\.netDevices: the network namespace that is joined is the host's"):
            shop.create({"linux.namespaces": namespaces, "linux.netDevices": {"eth7": {}}})

    in_own_network(create)


def test_what_the_host_lacks_is_told_before_anything_is_made(shop: Workshop) -> None:
    if Path("/sys/module/apparmor/parameters/enabled").exists():
        pytest.skip("this host has AppArmor")
    with pytest.raises(Exception, match=r"process\.apparmorProfile: AppArmor is not enabled on this host"):
        shop.create({"process.apparmorProfile": "box"})
    assert not (shop.bundle / "state").exists()
