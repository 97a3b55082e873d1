"""What the parent gives a container besides its cgroup, while its worker waits: network devices, a class of service.

Blocking; run in a thread by whoever has an event loop.
"""

from __future__ import annotations

import os
from contextlib import suppress

from containerd_py.errors import ContainerdError
from containerd_py.runtime import intel_rdt
from containerd_py.runtime.linux.fd import Fd

TYPE_CHECKING = False
if TYPE_CHECKING:
    from containerd_py.runtime.spec.linux import Linux


def provide(linux: Linux, container_id: str, pid: int) -> None:
    """Give the worker `pid`, a child that nobody has waited for, what its container gets of the host.

    Raises InvalidArgument, Conflict, NotSupported, NotFound, Unavailable; then all is as before.
    """
    if linux.intel_rdt is not None:
        group = intel_rdt.make_group(intel_rdt.find_resctrl(), container_id, linux.intel_rdt)
        try:
            intel_rdt.join(group, pid)
            _give_devices(linux, pid)
        except BaseException:
            intel_rdt.remove(group)
            raise
    else:
        _give_devices(linux, pid)


def take_back(linux: Linux, container_id: str) -> None:
    """Take away what `provide` made for a container. Devices come back by themselves: their namespace has ended."""
    resctrl = intel_rdt.find_resctrl() if linux.intel_rdt is not None else None
    if linux.intel_rdt is not None and resctrl is not None:
        with suppress(ContainerdError, OSError):
            intel_rdt.remove(intel_rdt.group_of(resctrl, container_id, linux.intel_rdt))


def _give_devices(linux: Linux, pid: int) -> None:
    if linux.net_devices:
        from containerd_py.runtime.network.devices import move_devices

        with Fd(os.open(f"/proc/{pid}/ns/net", os.O_RDONLY | os.O_CLOEXEC)) as netns:
            move_devices(netns.fileno(), linux.net_devices)
