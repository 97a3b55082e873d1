"""The io controller (Documentation/admin-guide/cgroup-v2.rst, "IO Interface Files"; block/bfq-iosched.rst)."""

from __future__ import annotations

from containerd_py.errors import NotSupported
from containerd_py.runtime.cgroups.resources import FileValue

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from containerd_py.runtime.cgroups.resources import BlockIo, Read, Resources


def values(resources: Resources, read: Read) -> tuple[FileValue, ...]:
    block = resources.block_io
    if block.leaf_weight is not None or any(item.leaf_weight is not None for item in block.weight_devices):
        raise NotSupported(
            "cannot set blockIO.leafWeight: the io controller of cgroup v2 has nothing like it", step="cgroup"
        )
    throttles = (FileValue("io.max", f"{item.device} {item.kind}={item.rate or 'max'}") for item in block.throttles)
    return (*_weights(block, read), *throttles)


def _weights(block: BlockIo, read: Read) -> Iterator[FileValue]:
    """The weights of the BFQ scheduler where the kernel has it, the same as in v1; else those of the cost model."""
    bfq = read("io.bfq.weight") is not None
    name = "io.bfq.weight" if bfq else "io.weight"
    if block.weight is not None:
        yield FileValue(name, str(block.weight if bfq else weight(block.weight)))
    for item in block.weight_devices:
        if item.weight is not None:
            yield FileValue(name, f"{item.device} {item.weight if bfq else weight(item.weight)}")


def weight(blkio: int) -> int:
    """Convert a weight of cgroup v1 (10 to 1000) to one of io.weight (1 to 10000), as runc and crun do."""
    return 1 + (blkio - 10) * 9999 // 990
