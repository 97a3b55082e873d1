"""Moving interfaces of the host into a container's network namespace (config-linux.md, "Network Devices").

The kernel moves and renames at once, and takes the addresses and the state away; they are set again. When the
namespace ends, it gives hardware back to the host by itself, and ends what is virtual.
"""

from __future__ import annotations

import errno
import os
from contextlib import ExitStack, contextmanager, suppress
from functools import partial

from containerd_py.errors import InvalidArgument
from containerd_py.light.dataclasses import dataclass
from containerd_py.runtime.linux.fd import Fd
from containerd_py.runtime.network.threads import run_inside

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any

    from containerd_py.runtime.spec.linux import NetDevice

_IFF_UP = 0x1
_IFA_F_PERMANENT = 0x80
_RT_SCOPE_UNIVERSE = 0


@dataclass(frozen=True)
class Address:
    """local: the interface's own; address: that, or the other end's of a point-to-point link. flags: IFA_F_*."""

    family: int
    prefix: int
    address: str
    local: str
    broadcast: str | None
    flags: int


@dataclass(frozen=True)
class Interface:
    """An interface as the host had it, with its permanent addresses of global scope."""

    name: str
    index: int
    up: bool
    addresses: tuple[Address, ...]


def move_devices(netns: int, devices: Mapping[str, NetDevice]) -> None:
    """Move interfaces, by their names on the host, into the network namespace at descriptor `netns`, and bring them up.

    Raises InvalidArgument for one that is not there, cannot be moved or whose new name is taken; then all are back as
    they were.
    """
    with Fd(os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)) as host, ExitStack() as undo:
        for name, device in devices.items():
            with _told(name):
                inside = device.name or name
                interface = run_inside(host.fileno(), partial(_find, name))
                run_inside(netns, partial(_check_free, inside))
                run_inside(host.fileno(), partial(_send, name, inside, netns))
                undo.callback(_bring_back, interface, inside, netns, host.fileno())
                run_inside(netns, partial(_revive, inside, interface.addresses, up=True))
        undo.pop_all()


@contextmanager
def _told(name: str) -> Iterator[None]:
    """Tell an error of netlink, or of a namespace that cannot be entered, as the device's."""
    from pyroute2.netlink.exceptions import NetlinkError

    try:
        yield
    except (NetlinkError, OSError) as problem:
        number = problem.code if isinstance(problem, NetlinkError) else problem.errno
        raise InvalidArgument(
            f"cannot move network device {name!r} (linux.netDevices.{name}) into the container: {os.strerror(number or 0)}",
            step="network",
            errno=number,
            hint="linux.netDevices names interfaces of the host, which must be movable, and their free names inside",
        ) from problem


def _bring_back(interface: Interface, inside: str, netns: int, host: int) -> None:
    """The first error is the one to tell."""
    from pyroute2.netlink.exceptions import NetlinkError

    with suppress(NetlinkError, OSError):
        run_inside(netns, partial(_send, inside, interface.name, host))
        run_inside(host, partial(_revive, interface.name, interface.addresses, up=interface.up))


def _find(name: str) -> Interface:
    with _netlink() as netlink:
        (link,) = netlink.link("get", ifname=name)
        return Interface(
            name=name,
            index=link["index"],
            up=bool(link["flags"] & _IFF_UP),
            addresses=tuple(_addresses(netlink, link["index"])),
        )


def _addresses(netlink: Any, index: int) -> Iterator[Address]:
    for found in netlink.get_addr(index=index):
        flags = found.get("IFA_FLAGS") or 0
        if found["scope"] == _RT_SCOPE_UNIVERSE and flags & _IFA_F_PERMANENT:
            address = found.get("IFA_ADDRESS")
            local = found.get("IFA_LOCAL") or address
            yield Address(found["family"], found["prefixlen"], address, local, found.get("IFA_BROADCAST"), flags)


def _check_free(name: str) -> None:
    """Looked at before: where the new name turns out to be taken, the kernel has moved the interface already."""
    with _netlink() as netlink:
        if netlink.link_lookup(ifname=name):
            raise FileExistsError(errno.EEXIST, f"interface {name!r} is there already")


def _send(name: str, new_name: str, netns: int) -> None:
    with _netlink() as netlink:
        (link,) = netlink.link("get", ifname=name)
        netlink.link("set", index=link["index"], ifname=new_name, net_ns_fd=netns)


def _revive(name: str, addresses: tuple[Address, ...], *, up: bool) -> None:
    with _netlink() as netlink:
        (link,) = netlink.link("get", ifname=name)
        for address in addresses:
            netlink.addr("replace", index=link["index"], **_request(address))
        if up:
            netlink.link("set", index=link["index"], state="up")


def _request(address: Address) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "family": address.family,
        "address": address.address,
        "local": address.local,
        "prefixlen": address.prefix,
        "flags": address.flags,
    }
    return fields if address.broadcast is None else fields | {"broadcast": address.broadcast}


def _netlink() -> Any:
    """Imported when it is needed: that takes a tenth of a second, and few containers have use for it."""
    from pyroute2 import IPRoute

    return IPRoute()
