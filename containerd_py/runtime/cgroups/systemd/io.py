"""IOWeight, IODeviceWeight, IO*Max; on cgroup v1 BlockIO*. By number of the device: systemd needs no node for it."""

from __future__ import annotations

from containerd_py.runtime.cgroups.systemd.property import UNLIMITED, Property
from containerd_py.runtime.cgroups.v2.io import weight

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from containerd_py.runtime.cgroups.resources import BlockIo, Read, Resources
    from containerd_py.runtime.cgroups.systemd.property import Target

_ASKED_BY = "linux.resources.blockIO"
_FIELDS = {
    "rbps": "throttleReadBpsDevice",
    "wbps": "throttleWriteBpsDevice",
    "riops": "throttleReadIOPSDevice",
    "wiops": "throttleWriteIOPSDevice",
}
_V2 = {"rbps": "IOReadBandwidthMax", "wbps": "IOWriteBandwidthMax", "riops": "IOReadIOPSMax", "wiops": "IOWriteIOPSMax"}
_V1 = {"rbps": "BlockIOReadBandwidth", "wbps": "BlockIOWriteBandwidth"}


def properties(resources: Resources, target: Target, _read: Read) -> Iterator[Property]:
    block = resources.block_io
    if block.weight is not None:
        value = weight(block.weight) if target.unified else block.weight
        yield Property("IOWeight" if target.unified else "BlockIOWeight", "t", value, f"{_ASKED_BY}.weight")
    devices = [(item.device, item.weight) for item in block.weight_devices if item.weight is not None]
    if devices:
        name = "IODeviceWeight" if target.unified else "BlockIODeviceWeight"
        rows = [(_node(device), weight(value) if target.unified else value) for device, value in devices]
        yield Property(name, "a(st)", rows, f"{_ASKED_BY}.weightDevice")
    yield from _throttles(block, _V2 if target.unified else _V1)


def _throttles(block: BlockIo, names: dict[str, str]) -> Iterator[Property]:
    for kind, name in names.items():
        rows = [(_node(item.device), item.rate or UNLIMITED) for item in block.throttles if item.kind == kind]
        if rows:
            yield Property(name, "a(st)", rows, f"{_ASKED_BY}.{_FIELDS[kind]}")


def _node(device: str) -> str:
    return f"/dev/block/{device}"
