"""How the kernel schedules a process: its policy, the priority of its input and output, where its memory lies."""

from __future__ import annotations

from containerd_py.light import ctypes
from containerd_py.runtime.linux.syscall import call

_IOPRIO_WHO_PROCESS = 1
_IOPRIO_CLASS_SHIFT = 13
_BITS_OF_A_WORD = 64


class SchedAttr(ctypes.Structure):
    """struct sched_attr, 48 bytes (SCHED_ATTR_SIZE_VER0, Linux 3.14); the times are in nanoseconds."""

    _fields_ = (
        ("size", ctypes.c_uint32),
        ("sched_policy", ctypes.c_uint32),
        ("sched_flags", ctypes.c_uint64),
        ("sched_nice", ctypes.c_int32),
        ("sched_priority", ctypes.c_uint32),
        ("sched_runtime", ctypes.c_uint64),
        ("sched_deadline", ctypes.c_uint64),
        ("sched_period", ctypes.c_uint64),
    )


def sched_setattr(attributes: SchedAttr) -> None:
    """Set the caller's scheduling policy (sched_setattr(2)). Raises PermissionError without CAP_SYS_NICE, OSError EBUSY
    where a deadline cannot be admitted.
    """
    attributes.size = ctypes.sizeof(attributes)
    call("sched_setattr", 0, attributes, 0)


def ioprio_set(io_class: int, priority: int) -> None:
    """Set the caller's I/O class (1 real time, 2 best effort, 3 idle) and priority, 0 to 7 (ioprio_set(2))."""
    call("ioprio_set", _IOPRIO_WHO_PROCESS, 0, io_class << _IOPRIO_CLASS_SHIFT | priority)


def set_mempolicy(mode: int, nodes: int) -> None:
    """Set on which NUMA nodes the caller's memory is allocated (set_mempolicy(2)).

    mode: MPOL_* with its MPOL_F_* flags; nodes: a bit mask, 0 for none. Raises OSError EINVAL for a node that is not there.
    """
    words = -(-nodes.bit_length() // _BITS_OF_A_WORD)
    mask = ctypes.create_string_buffer(nodes.to_bytes(words * 8, "little"), words * 8) if nodes else None
    call("set_mempolicy", mode, mask, words * _BITS_OF_A_WORD + 1 if nodes else 0)  # the kernel looks at one bit less
