"""The one door to the kernel: `call` with the number for this machine, and the one place that checks the result.

Errors are plain `OSError` (so that ENOENT is still a FileNotFoundError) whose text shows the call and its
arguments: ``move_mount(5, '', 4, 'proc', F_EMPTY_PATH): No such file or directory``.
"""

from __future__ import annotations

import ctypes
import enum
import os

# Calls from 424 on have one number on every architecture; older ones differ (asm/unistd_64.h, asm-generic/unistd.h).
_COMMON = {
    "pidfd_send_signal": 424,
    "open_tree": 428,
    "move_mount": 429,
    "fsopen": 430,
    "fsconfig": 431,
    "fsmount": 432,
    "pidfd_open": 434,
    "clone3": 435,
    "close_range": 436,
    "openat2": 437,
    "pidfd_getfd": 438,
    "mount_setattr": 442,
}
_BY_MACHINE = {
    "x86_64": {"pivot_root": 155, "umount2": 166, "setns": 308, "unshare": 272, "prctl": 157},
    "aarch64": {"pivot_root": 41, "umount2": 39, "setns": 268, "unshare": 97, "prctl": 167},
}


class UnsupportedMachine(RuntimeError):
    """The kernel call numbers of this machine are not known here."""


def _numbers_of(machine: str) -> dict[str, int]:
    if machine not in _BY_MACHINE:
        raise UnsupportedMachine(f"cannot call the kernel: no call numbers for {machine!r}")
    return _COMMON | _BY_MACHINE[machine]


_NUMBERS = _numbers_of(os.uname().machine)

# A function object of our own: prototypes set on a shared one would change under other users of the library.
_PROTOTYPE = ctypes.CFUNCTYPE(ctypes.c_long, ctypes.c_long, *[ctypes.c_void_p] * 6, use_errno=True)
_syscall = _PROTOTYPE(("syscall", ctypes.CDLL(None, use_errno=True)))

Argument = int | bytes | str | ctypes.Structure | None


class Flags(enum.IntFlag):
    """Flags of a kernel call, shown short: ``CLONE|RECURSIVE``."""

    def __repr__(self) -> str:
        return "|".join(member.name or hex(member.value) for member in self) or "0"


def call(name: str, *arguments: Argument) -> int:
    """Make kernel call `name` and return its result; text is passed as a NUL-terminated path, structs by address.

    Raises OSError with the call and its arguments as text, ValueError for a NUL inside text.
    """
    held: list[object] = []
    words = [_word(argument, held) for argument in arguments]
    words += [None] * (6 - len(words))
    result = int(_syscall(_NUMBERS[name], *words))
    if result == -1:
        number = ctypes.get_errno()
        raise OSError(number, f"{name}({', '.join(map(_shown, arguments))}): {os.strerror(number)}")
    return result


def _word(argument: Argument, held: list[object]) -> int | None:
    """Turn an argument into a register's value; `held` keeps what it points to alive during the call."""
    if argument is None:
        return None
    if isinstance(argument, int):
        return int(argument) & 0xFFFF_FFFF_FFFF_FFFF
    if isinstance(argument, ctypes.Structure):
        held.append(argument)
        return ctypes.addressof(argument)
    data = os.fsencode(argument)
    if b"\0" in data:
        raise ValueError(f"embedded NUL in {argument!r}")
    buffer = ctypes.create_string_buffer(data)
    held.append(buffer)
    return ctypes.addressof(buffer)


def _shown(argument: Argument) -> str:
    return type(argument).__name__ if isinstance(argument, ctypes.Structure) else repr(argument)
