"""The memory controller (Documentation/admin-guide/cgroup-v2.rst, "Memory Interface Files")."""

from __future__ import annotations

from containerd_py.errors import Conflict, InvalidArgument, NotSupported
from containerd_py.runtime.cgroups.resources import FileValue

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from containerd_py.runtime.cgroups.resources import Memory, Read, Resources

_UNLIMITED = -1


def values(resources: Resources, read: Read) -> tuple[FileValue, ...]:
    """Raises NotSupported for what cgroup v2 has not, Conflict for a limit below the usage where that is to be checked."""
    memory = resources.memory
    _check_served(memory)
    if memory.check_before_update:
        _check_usage(memory, read)
    return tuple(_values(memory, read))


def _values(memory: Memory, read: Read) -> Iterator[FileValue]:
    swap = swap_alone(memory, read)
    if swap is not None:  # a kernel that accounts for no swap uses none of it
        yield FileValue("memory.swap.max", _text(swap), optional=swap in (0, _UNLIMITED))
    if memory.limit is not None:
        yield FileValue("memory.max", _text(memory.limit))
    if memory.reservation is not None:
        yield FileValue("memory.low", _text(memory.reservation))


def swap_alone(memory: Memory, read: Read) -> int | None:
    """Convert memory and swap together to swap alone, as ConvertMemorySwapToCgroupV2Value of opencontainers/cgroups.

    Without a limit of memory in the request the one that is there counts. Where only memory is given, and both are limited,
    what they are together stays, as on cgroup v1.
    """
    if memory.swap is None:
        return _UNLIMITED if memory.limit == _UNLIMITED else _remaining(memory, read)
    if memory.swap == _UNLIMITED or memory.limit == _UNLIMITED:
        return memory.swap
    limit = memory.limit if memory.limit is not None else _number(read("memory.max"))
    if limit is None:
        raise InvalidArgument(
            "cannot limit memory.swap: it is memory and swap together, and memory has no limit", step="cgroup"
        )
    return _difference(memory.swap, limit)


def _remaining(memory: Memory, read: Read) -> int | None:
    before, swap = _number(read("memory.max")), _number(read("memory.swap.max"))
    if memory.limit is None or before is None or swap is None:
        return None
    return _difference(before + swap, memory.limit)


def _difference(both: int, limit: int) -> int:
    if both < limit:
        raise InvalidArgument(
            f"cannot limit memory to {limit}: memory and swap together are limited to {both}",
            step="cgroup",
            hint="raise memory.swap too",
        )
    return both - limit


def _check_usage(memory: Memory, read: Read) -> None:
    """The kernel would kill processes until the usage is below the limit; cgroup v1 refuses (memory.checkBeforeUpdate)."""
    usage = _number(read("memory.current"))
    for name, limit in (("limit", memory.limit), ("swap", memory.swap)):
        if usage is not None and limit is not None and 0 < limit <= usage:
            raise Conflict(f"cannot set memory.{name} to {limit}: {usage} bytes are in use", step="cgroup", errno="EBUSY")


def _check_served(memory: Memory) -> None:
    asked = {
        "swappiness": memory.swappiness is not None,
        "disableOOMKiller": bool(memory.oom_kill_disable),
        "useHierarchy (false)": memory.use_hierarchy is False,
        "kernel": memory.kernel is not None,
        "kernelTCP": memory.kernel_tcp is not None and memory.kernel_tcp != _UNLIMITED,
    }
    for name, wanted in asked.items():
        if wanted:
            raise NotSupported(
                f"cannot set memory.{name}: the memory controller of cgroup v2 has nothing like it", step="cgroup"
            )


def _number(text: str | None) -> int | None:
    return int(text) if text and text != "max" else None


def _text(limit: int) -> str:
    return "max" if limit == _UNLIMITED else str(limit)
