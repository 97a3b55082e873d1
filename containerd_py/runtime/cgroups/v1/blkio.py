"""The block I/O controller (Documentation/admin-guide/cgroup-v1/blkio-controller.rst, block/bfq-iosched.rst)."""

from __future__ import annotations

from containerd_py.runtime.cgroups.resources import FileValue

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from containerd_py.runtime.cgroups.resources import BlockIo, Read, Resources

_THROTTLE = {
    "rbps": "blkio.throttle.read_bps_device",
    "wbps": "blkio.throttle.write_bps_device",
    "riops": "blkio.throttle.read_iops_device",
    "wiops": "blkio.throttle.write_iops_device",
}


def values(resources: Resources, read: Read) -> tuple[FileValue, ...]:
    """A rate of 0 removes the limit. Leaf weights went with the CFQ scheduler: kernels since 5.0 have no file for them."""
    block = resources.block_io
    throttles = (FileValue(_THROTTLE[item.kind], f"{item.device} {item.rate}") for item in block.throttles)
    return (*_weights(block, read), *throttles)


def _weights(block: BlockIo, read: Read) -> Iterator[FileValue]:
    weight = "blkio.weight" if read("blkio.weight") is not None else "blkio.bfq.weight"
    if block.weight is not None:
        yield FileValue(weight, str(block.weight))
    if block.leaf_weight is not None:
        yield FileValue("blkio.leaf_weight", str(block.leaf_weight))
    for item in block.weight_devices:
        if item.weight is not None:
            yield FileValue(f"{weight}_device", f"{item.device} {item.weight}")
        if item.leaf_weight is not None:
            yield FileValue("blkio.leaf_weight_device", f"{item.device} {item.leaf_weight}")
