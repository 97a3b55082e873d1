"""The memory controller (Documentation/admin-guide/cgroup-v1/memory.rst)."""

from __future__ import annotations

from containerd_py.errors import NotSupported
from containerd_py.runtime.cgroups.resources import FileValue

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from containerd_py.runtime.cgroups.resources import Memory, Read, Resources

_LIMIT = "memory.limit_in_bytes"
_BOTH = "memory.memsw.limit_in_bytes"


def values(resources: Resources, read: Read) -> tuple[FileValue, ...]:
    """The kernel itself refuses a limit below the usage (EBUSY): `check_before_update` asks for nothing more."""
    memory = resources.memory
    _check_served(memory)
    return (*_limits(memory, read), *_rest(memory))


def _limits(memory: Memory, read: Read) -> Iterator[FileValue]:
    """Memory may not be above memory and swap together: raising both, the latter goes first, which the kernel tells."""
    if memory.limit is not None:
        yield FileValue(_LIMIT, str(memory.limit), waits=True)
    swap = memory.swap
    if swap is None and memory.limit == -1 and read(_BOTH) is not None:
        swap = -1  # no limit of memory is no limit of both, as in runc
    if swap is not None:
        yield FileValue(_BOTH, str(swap), waits=True)


def _rest(memory: Memory) -> Iterator[FileValue]:
    if memory.reservation is not None:
        yield FileValue("memory.soft_limit_in_bytes", str(memory.reservation))
    if memory.kernel is not None:  # kernels from 5.16 to 6.0 refuse it, later ones take and forget it
        yield FileValue("memory.kmem.limit_in_bytes", str(memory.kernel), kept=True)
    if memory.kernel_tcp is not None:
        yield FileValue("memory.kmem.tcp.limit_in_bytes", str(memory.kernel_tcp))
    if memory.swappiness is not None:
        yield FileValue("memory.swappiness", str(memory.swappiness))
    if memory.oom_kill_disable is not None:
        yield FileValue("memory.oom_control", str(int(memory.oom_kill_disable)))
    if memory.use_hierarchy:
        yield FileValue("memory.use_hierarchy", "1")


def _check_served(memory: Memory) -> None:
    if memory.use_hierarchy is False:
        raise NotSupported(
            "cannot set memory.useHierarchy to false: since Linux 5.11 memory cgroups are hierarchical always",
            step="cgroup",
        )
