"""The one door to the kernel: `call` with the number for this machine, and the one place that checks the result.

Errors are plain `OSError` (so that ENOENT is still a FileNotFoundError) whose text shows the call and its
arguments: ``move_mount(5, '', 4, 'proc', F_EMPTY_PATH): No such file or directory``.
"""

from __future__ import annotations

import os

from containerd_py.light import ctypes
from containerd_py.light.flags import IntFlag

# Calls from 424 on have one number on every architecture; older ones differ (asm/unistd_64.h, asm-generic/unistd.h).
_COMMON = {
    "pidfd_send_signal": 424,
    "open_tree": 428,
    "move_mount": 429,
    "fsopen": 430,
    "fsconfig": 431,
    "fsmount": 432,
    "fspick": 433,
    "pidfd_open": 434,
    "clone3": 435,
    "close_range": 436,
    "openat2": 437,
    "pidfd_getfd": 438,
    "mount_setattr": 442,
    "landlock_create_ruleset": 444,
    "landlock_add_rule": 445,
    "landlock_restrict_self": 446,
}
_BY_MACHINE = {
    "x86_64": {
        "bpf": 321,
        "capget": 125,
        "capset": 126,
        "clone": 56,
        "fchownat": 260,
        "fstatfs": 138,
        "getdents64": 217,
        "inotify_add_watch": 254,
        "inotify_init1": 294,
        "ioprio_set": 251,
        "keyctl": 250,
        "mount": 165,
        "personality": 135,
        "pivot_root": 155,
        "prctl": 157,
        "rt_sigaction": 13,
        "sched_setattr": 314,
        "seccomp": 317,
        "set_mempolicy": 238,
        "setdomainname": 171,
        "sethostname": 170,
        "setns": 308,
        "umount2": 166,
        "unshare": 272,
    },
    "aarch64": {
        "bpf": 280,
        "capget": 90,
        "capset": 91,
        "clone": 220,
        "fchownat": 54,
        "fstatfs": 44,
        "getdents64": 61,
        "inotify_add_watch": 27,
        "inotify_init1": 26,
        "ioprio_set": 30,
        "keyctl": 219,
        "mount": 40,
        "personality": 92,
        "pivot_root": 41,
        "prctl": 167,
        "rt_sigaction": 134,
        "sched_setattr": 274,
        "seccomp": 277,
        "set_mempolicy": 237,
        "setdomainname": 162,
        "sethostname": 161,
        "setns": 268,
        "umount2": 39,
        "unshare": 97,
    },
}


class UnsupportedMachine(RuntimeError):
    """The kernel call numbers of this machine are not known here."""


def _numbers_of(machine: str) -> dict[str, int]:
    if machine not in _BY_MACHINE:
        raise UnsupportedMachine(f"cannot call the kernel: no call numbers for {machine!r}")
    return _COMMON | _BY_MACHINE[machine]


_NUMBERS = _numbers_of(os.uname().machine)

TYPE_CHECKING = False

# A function object of our own: prototypes set on a shared one would change under other users of the library.
_PROTOTYPE = ctypes.CFUNCTYPE(ctypes.c_long, ctypes.c_long, *[ctypes.c_void_p] * 6, use_errno=True)
_syscall = _PROTOTYPE(("syscall", ctypes.CDLL(None, use_errno=True)))
_PADDING = tuple((None,) * (6 - count) for count in range(7))

if TYPE_CHECKING:
    Argument = int | bytes | str | ctypes.Structure | ctypes.Array[ctypes.c_char] | None


class Flags(IntFlag):
    """Flags of a kernel call, shown short: ``CLONE|RECURSIVE``."""

    def __repr__(self) -> str:
        return "|".join(member.name or hex(member.value) for member in self) or "0"


def call(name: str, *arguments: Argument) -> int:
    """Make kernel call `name` and return its result; text is passed as a NUL-terminated path, structs by address.

    Raises OSError with the call and its arguments as text, ValueError for a NUL inside text.
    """
    words = [argument if type(argument) is int else _word(argument) for argument in arguments]
    result: int = _syscall(_NUMBERS[name], *words, *_PADDING[len(words)])
    if result == -1:
        number = ctypes.get_errno()
        raise OSError(number, f"{name}({', '.join(map(_shown, arguments))}): {os.strerror(number)}")
    return result


def _word(argument: Argument) -> object:
    """Turn an argument into what ctypes passes as one register: a number, or the address of bytes or of a struct."""
    if isinstance(argument, int):
        return argument
    if isinstance(argument, str):
        argument = os.fsencode(argument)
    if isinstance(argument, bytes):
        if b"\0" in argument:
            raise ValueError(f"embedded NUL in {argument!r}")
        return argument
    return ctypes.byref(argument) if argument is not None else None


def _shown(argument: Argument) -> str:
    return repr(argument) if isinstance(argument, int | bytes | str | None) else type(argument).__name__
